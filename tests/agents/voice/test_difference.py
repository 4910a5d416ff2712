"""What differs is told field by field, and what is not ours is left."""

from __future__ import annotations

from typing import Any

from agents.voice import difference, wanted
from agents.voice.difference import FoundTool

WANTED = wanted.tool_configs()
NAME = "list_claude_agents"


def found(**changed: Any) -> list[FoundTool]:
    return [FoundTool(f"id-{name}", config | (changed if name == NAME else {})) for name, config in WANTED.items()]


def test_nothing_is_to_be_done_where_all_is_as_wanted() -> None:
    assert difference.tool_changes(WANTED, found()) == []


def test_each_changed_field_is_named() -> None:
    parameters = {"type": "object", "required": ["all"], "properties": {"more": {"type": "string", "description": "x"}}}
    (change,) = difference.tool_changes(
        WANTED, found(description=f"Something. {wanted.TOOL_MARK}", response_timeout_secs=3, parameters=parameters)
    )
    assert (change.kind, change.name, change.id) == ("changed", NAME, f"id-{NAME}")
    assert [field.path for field in change.fields] == [
        "description", "response_timeout_secs", "required", "parameters.all", "parameters.more",
    ]  # fmt: skip
    assert change.lines()[1].startswith("    description: Something. [agentflow] -> Agents that run")


def test_tools_without_the_mark_are_nobodys_business() -> None:
    theirs = [
        FoundTool("1", WANTED[NAME] | {"description": "mine"}),
        FoundTool("2", {"type": "webhook", "name": NAME, "description": wanted.TOOL_MARK}),
    ]
    assert difference.tool_changes(WANTED, [*found(), *theirs]) == []


def test_what_is_no_tool_any_more_and_what_is_there_twice_is_removed() -> None:
    old = FoundTool("old", WANTED[NAME] | {"name": "old_tool"})
    again = FoundTool("again", WANTED[NAME])
    changes = difference.tool_changes(WANTED, [*found(), old, again])
    assert [(change.kind, change.id) for change in changes] == [("removed", "again"), ("removed", "old")]


def test_what_the_owner_chose_in_an_agent_is_no_difference() -> None:
    agent: dict[str, Any] = wanted.agent_config()
    agent["conversation_config"]["tts"]["voice_id"] = "a voice"
    agent["conversation_config"]["conversation"]["client_events"].reverse()
    assert difference.agent_changes(wanted.agent_config(), agent) == []


def test_other_tools_of_the_agent_stay() -> None:
    assert difference.tool_ids(["theirs", "old", "a"], ["a", "b"], ["old"]) == ["a", "b", "theirs"]
