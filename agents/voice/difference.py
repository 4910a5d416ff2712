"""What is otherwise in ElevenLabs than it is wanted: for `agentflow voice setup` and for `doctor`, by the same functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from agents.voice.wanted import AGENT_MARK, TOOL_MARK

_SHOWN = 60
"""Characters of a value that a line shows."""
_TOOL_FIELDS = ("description", "expects_response", "response_timeout_secs", "execution_mode")
_PROPERTY_FIELDS = ("type", "description", "enum")


@dataclass(frozen=True, slots=True)
class Field:
    """One value that is not as wanted; `path` says where, with dots."""

    path: str
    before: Any
    after: Any

    def line(self) -> str:
        """For a person."""
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}"


@dataclass(frozen=True, slots=True)
class FoundTool:
    """A client tool of the account."""

    id: str
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The one the model calls it by."""
        return str(self.config.get("name", ""))

    @property
    def is_ours(self) -> bool:
        """Whether set-up made it. The others are never touched."""
        return self.config.get("type") == "client" and str(self.config.get("description", "")).endswith(TOOL_MARK)


@dataclass(frozen=True, slots=True)
class ToolChange:
    """What is to be done to one tool; `id` is None for a new one."""

    kind: Literal["created", "changed", "removed"]
    name: str
    id: str | None = None
    fields: tuple[Field, ...] = ()

    def lines(self) -> list[str]:
        """For a person: the tool, and each field that changes."""
        sign = {"created": "+", "changed": "~", "removed": "-"}[self.kind]
        return [f"{sign} tool {self.name}", *(f"    {field.line()}" for field in self.fields)]


def is_our_agent(found: Mapping[str, Any]) -> bool:
    """Whether set-up made it, or a person agreed that it is ours."""
    return AGENT_MARK in (found.get("tags") or ())


def tool_changes(wanted: Mapping[str, Mapping[str, Any]], found: Sequence[FoundTool]) -> list[ToolChange]:
    """What makes the account's tools of ours as wanted. Of two of one name the first stays."""
    kept, surplus = _first_of_each(each for each in found if each.is_ours)
    changes = [ToolChange("created", name) for name in wanted if name not in kept]
    for name, config in wanted.items():
        if (tool := kept.get(name)) and (fields := fields_of(plain_tool(config), plain_tool(tool.config))):
            changes.append(ToolChange("changed", name, tool.id, tuple(fields)))
    gone = [*surplus, *(tool for name, tool in kept.items() if name not in wanted)]
    return changes + [ToolChange("removed", tool.name, tool.id) for tool in gone]


def kept(found: Sequence[FoundTool], wanted: Iterable[str]) -> list[FoundTool]:
    """Of the account's tools those that are ours and wanted, one of each name."""
    ours, _ = _first_of_each(each for each in found if each.is_ours)
    return [ours[name] for name in wanted if name in ours]


def agent_changes(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[Field]:
    """What of the wanted is otherwise in the agent. What is not wanted is the owner's own."""
    return list(_differing(wanted, found, ""))


def attached(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the tools an agent has."""
    config: Any = found
    for key in ("conversation_config", "agent", "prompt", "tool_ids"):
        config = cast("Mapping[str, Any]", config).get(key) if isinstance(config, Mapping) else None
    return tuple(map(str, cast("list[Any]", config))) if isinstance(config, list) else ()


def tool_ids(before: Iterable[str], ours: Iterable[str], gone: Iterable[str]) -> list[str]:
    """The agent's tools as wanted: all of ours, and those of other people's that it has."""
    ours, gone = list(ours), set(gone)
    return [*ours, *(each for each in before if each not in ours and each not in gone)]


def plain_tool(config: Mapping[str, Any]) -> dict[str, Any]:
    """What set-up decides of a tool, without what ElevenLabs adds, in one form."""
    given: Mapping[str, Any] = config.get("parameters") or {}
    properties: Mapping[str, Mapping[str, Any]] = given.get("properties") or {}
    return {
        **{name: config.get(name) for name in _TOOL_FIELDS},
        "required": sorted(given.get("required") or ()),
        "parameters": {name: _plain_property(each) for name, each in properties.items()},
    }


def _plain_property(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _PROPERTY_FIELDS if given.get(name) not in (None, "")}


def fields_of(wanted: Mapping[str, Any], found: Mapping[str, Any], path: str = "") -> list[Field]:
    """Every value in which two of the same form differ, surplus ones included."""
    surplus = [Field(f"{path}{name}", found[name], None) for name in found if name not in wanted]
    fields: list[Field] = []
    for name, value in wanted.items():
        now = found.get(name)
        if isinstance(value, Mapping) and isinstance(now, Mapping):
            fields += fields_of(cast("Mapping[str, Any]", value), cast("Mapping[str, Any]", now), f"{path}{name}.")
        elif value != now:
            fields.append(Field(f"{path}{name}", now, value))
    return fields + surplus


def _differing(wanted: Mapping[str, Any], found: Any, path: str) -> Iterable[Field]:
    known: Mapping[str, Any] = cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
    for name, value in wanted.items():
        now = known.get(name)
        if isinstance(value, Mapping):
            yield from _differing(cast("Mapping[str, Any]", value), now, f"{path}{name}.")
        elif not _same(value, now):
            yield Field(f"{path}{name}", now, value)


def _same(wanted: Any, found: Any) -> bool:
    """The order of lists says nothing here; tags of other people's may stand beside ours."""
    if isinstance(wanted, list) and isinstance(found, list):
        return set(cast("list[Any]", wanted)) == set(cast("list[Any]", found))
    return wanted == found


def _first_of_each(tools: Iterable[FoundTool]) -> tuple[dict[str, FoundTool], list[FoundTool]]:
    kept: dict[str, FoundTool] = {}
    surplus = [tool for tool in tools if kept.setdefault(tool.name, tool) is not tool]
    return kept, surplus


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
