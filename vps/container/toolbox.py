"""The tools that every agent has: what its model is told of each. Who carries them out: see vps.container.inside."""

from __future__ import annotations

from typing import Any

SERVER = "agentflow"
LONGEST_MESSAGE, LONGEST_OPTION, MOST_OPTIONS = 1500, 80, 10
_CHILD = {"type": "string", "description": "the child's id, as spawn_child and list_children give it"}


def _tool(
    name: str, description: str, required: list[str], *, reads: bool = False, **properties: dict[str, Any]
) -> dict[str, Any]:
    """The CLI calls several of those that `reads` at once, others one after the other (measured with 2.1.197)."""
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    tool = {"name": name, "description": description, "inputSchema": schema}
    return {**tool, "annotations": {"readOnlyHint": True}} if reads else tool


NOTIFY = _tool(
    "notify_user",
    "Tell the person who started you something now, with a ping: what cannot wait until you are done, a few times an hour at most.",
    ["message"],
    message={"type": "string", "maxLength": LONGEST_MESSAGE, "description": "what to tell"},
)
ASK = _tool(
    "ask_user",
    "Ask the person who started you and wait for the answer. It may take long: up to 30 minutes a try, three tries. Fails if "
    "nobody answers; then decide yourself or end with what you have.",
    ["question"],
    question={
        "type": "string",
        "maxLength": LONGEST_MESSAGE,
        "description": "what to ask, with all they need to decide",
    },
    options={
        "type": "array",
        "items": {"type": "string", "maxLength": LONGEST_OPTION},
        "maxItems": MOST_OPTIONS,
        "description": "answers to choose from; they may type another one",
    },
)
CHILDREN = (
    _tool(
        "spawn_child",
        "Start another agent on a part of your work, in a git worktree and branch of its own, made from your last commit: commit "
        "what it needs first. It knows nothing but its task. Answers at once with its id.",
        ["task"],
        task={"type": "string", "description": "what it should do, complete in itself"},
        model={"type": "string", "description": "another model than yours"},
        effort={
            "type": "string",
            "enum": ["low", "medium", "high", "xhigh", "max"],
            "description": "how hard it thinks",
        },
        max_turns={"type": "integer", "description": "most API calls"},
        max_budget_usd={"type": "number", "description": "most it may cost, in USD; it counts to your budget too"},
        timeout={"type": "string", "description": "how long a turn of it may take, such as 10m (default)"},
        network={"type": "string", "enum": ["none", "restricted", "open"], "description": "never more than yours"},
        outlive={"type": "boolean", "description": "it goes on when you end; otherwise it is stopped then"},
    ),
    _tool(
        "send_to_child",
        "Say something to a child: one at work reads it at its next step; one that is done goes on with it.",
        ["child", "message"],
        child=_CHILD,
        message={"type": "string", "description": "what to say"},
    ),
    _tool(
        "get_child_output",
        "The last lines of what a child said and did; or, with diff, what it changed so far, as a patch that `git apply` takes.",
        ["child"],
        reads=True,
        child=_CHILD,
        lines={"type": "integer", "description": "how many of the last lines (50)"},
        diff={"type": "boolean", "description": "the patch against its base instead, committed or not"},
    ),
    _tool(
        "get_child_result",
        "Wait for a child to end and get its result; after the wait without an end, how far it is. Call it again to go on waiting.",
        ["child"],
        reads=True,
        child=_CHILD,
        wait={"type": "string", "description": "how long at most, such as 2m (default); at most 10m"},
    ),
    _tool("list_children", "Your children, with state, time and cost.", [], reads=True),
    _tool("stop_child", "Stop a child; what it did stays in its branch.", ["child"], child=_CHILD),
)
TOOLS = (NOTIFY, ASK, *CHILDREN)
