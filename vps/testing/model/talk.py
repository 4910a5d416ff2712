"""What the model says to a person who talks with the text agent: a script has no thoughts, but its tools are real."""

import re

from vps.testing.model.conversation import Conversation
from vps.testing.model.reply import Reply, Text, ToolUse, say

_OWN = "spawn_claude_agent"
_NAME = re.compile(r"claude-agent-\d+-[0-9a-z]{6}")


def is_talk(conversation: Conversation) -> bool:
    """Whether the text agent asks: it has the catalogue, and agents have not."""
    return _OWN in conversation.tools


def talk(conversation: Conversation) -> Reply:
    """An agent for whoever says `fix`, until it is done, else a look at the agents; and what came of it."""
    last = conversation.result(-1)
    if last.call.name == _OWN and (named := _NAME.search(last.text)):
        return Reply((ToolUse("wait_for_claude_agent", {"container_id": named[0]}),))
    if conversation.rounds:
        came = "declined or failed" if last.is_error else "done"
        return say(f"That is {came}. I am the **scripted model** that comes with the demo and cannot think about more.")
    if "fix" in conversation.task.lower():
        return Reply((Text("An agent does that."), ToolUse(_OWN, {"task": conversation.task})))
    return Reply((Text("Let me look at the agents."), ToolUse("list_claude_agents", {})))
