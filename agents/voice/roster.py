"""The numbers that agents have, the same in every conversation, and what spoken names mean on this host."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.crew import Crew
from agents.tools.agents import LIST, ListOutput
from agents.tools.core import Call, Output, Tool
from agents.tools.spawn import SpawnOutput
from agents.tools.views import AgentView
from agents.voice import names, wanted
from agents.voice.names import Named
from vps.errors import BadInput

_SCRATCH = frozenset({"", "scratch", "the scratch workspace", "scratch workspace"})
_MADE = {"clone_repo": ("workspace_name",), "create_workspace": ("workspace_name",), "create_branch": ("branch_name",)}
"""New names: spaces between words become dashes."""


class Roster:
    """A number is one run's as long as this process runs: what somebody heard it for, it means."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._numbers: dict[str, int] = {}
        self._known: dict[str, Named] = {}

    @property
    def roll(self) -> dict[str, Named]:
        """All that had a name since this process began, by id."""
        return self._known

    async def look(self, call: Call) -> list[Named]:
        """Those that are listed now."""
        listed: ListOutput = await LIST.handler(self._crew, LIST.parse({}), call)
        return self._saw(listed.agents)

    def note(self, output: Output, given: Mapping[str, Any]) -> None:
        """What an answer tells of agents."""
        if isinstance(output, ListOutput):
            self._saw(output.agents)
        elif isinstance(output, SpawnOutput):
            self._numbers = names.numbered(self._numbers, [output.container_id])
            new = Named(
                output.container_id,
                self._numbers[output.container_id],
                self._crew.mask.text(str(given.get("task", ""))),
            )
            self._known |= {new.id: new}

    async def meant(self, tool: Tool[Any, Any], raw: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """A tool's parameters with ids and names in the place of what was said. Raises BadInput, worded as a question."""
        given = _typed(tool, raw)
        for name in _MADE.get(tool.name, ()):
            if isinstance(given.get(name), str):
                given[name] = re.sub(r"\s+", "-", given[name].strip())
        if isinstance(given.get("container_id"), str):
            given["container_id"] = names.resolve(given["container_id"], await self.look(call), [*self._known.values()])
        if "workspace_name" in given and "workspace_name" not in _MADE.get(tool.name, ()):
            given["workspace_name"] = await self._workspace(str(given["workspace_name"]))
        return await self._with_path(given)

    async def _with_path(self, given: dict[str, Any]) -> dict[str, Any]:
        path = str(given.get("workspace_path", "")).strip()
        if path.lower() in _SCRATCH:
            given.pop("workspace_path", None)
        elif not path.startswith("/"):
            given["workspace_path"] = self._crew.workspaces.path(await self._workspace(path))
        return given

    async def _workspace(self, said: str) -> str:
        return names.resolve_workspace(said, sorted(await self._crew.workspaces.names()))

    def _saw(self, agents: Sequence[AgentView]) -> list[Named]:
        self._numbers = names.numbered(self._numbers, [agent.container_id for agent in agents])
        masked = [each.model_copy(update={"task": self._crew.mask.text(each.task)}) for each in agents]
        listed = names.roll(self._numbers, masked)
        self._known |= {each.id: each for each in listed}
        return listed


def _typed(tool: Tool[Any, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Only what a voice may give; a number where text is wanted is its digits. Raises BadInput for the rest."""
    known: dict[str, Any] = wanted.parameters(tool)["properties"]
    given = {name: value for name, value in raw.items() if value is not None}
    if surplus := [name for name in given if name not in known]:
        remedy = f"The options are {', '.join(known)}." if known else "It takes no options."
        raise BadInput(surplus[0], "is no option for a voice.", remedy=remedy)
    return {name: _as_text(value) if known[name]["type"] == "string" else value for name, value in given.items()}


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
