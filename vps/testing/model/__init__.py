"""A scripted stand-in for Anthropic's Messages API on loopback, for the demo and for tests of the real Claude CLI."""

from vps.testing.model.conversation import Conversation, ToolResult
from vps.testing.model.reply import Fault, Reply, Text, Thinking, ToolUse, bash, say
from vps.testing.model.scenarios import SCENARIOS, Answer, Scenario, next_answer, steps
from vps.testing.model.server import Request, ScriptedModel

__all__ = [
    "SCENARIOS",
    "Answer",
    "Conversation",
    "Fault",
    "Reply",
    "Request",
    "Scenario",
    "ScriptedModel",
    "Text",
    "Thinking",
    "ToolResult",
    "ToolUse",
    "bash",
    "next_answer",
    "say",
    "steps",
]
