"""What is offered while somebody types a name: agents, workspaces, their paths, tools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord
import structlog

from agents.crew import Crew
from agents.tools.catalogue import TOOLS
from bot.people import People
from bot.slash import Suggest
from vps.errors import VpsError

log = structlog.get_logger()

_BOUND_S = 2.0
"""Discord waits 3 s for the choices, the way there and back included."""

Known = Callable[[], Awaitable[Sequence[str]]]


class Suggestions:
    """Names the crew knows, for parameters by their name. Who has no right here is told none."""

    def __init__(self, crew: Crew, people: People) -> None:
        self._crew = crew
        self._people = people

    def by_parameter(self) -> dict[str, Suggest]:
        """What completes which parameter, whichever tool has it."""
        return {
            "container_id": self._of(self._agents),
            "workspace_name": self._of(self._crew.workspaces.names),
            "workspace_path": self._of(self._paths),
            "tool": self._of(self._tools),
        }

    def _of(self, known: Known) -> Suggest:
        async def suggest(interaction: discord.Interaction[Any], typed: str) -> list[str]:
            # Nobody wants an error while typing: what cannot be told in time is not offered.
            try:
                async with asyncio.timeout(_BOUND_S):
                    if not await self._people.rights(interaction):
                        return []
                    return [name for name in await known() if typed.lower() in name.lower()]
            except (VpsError, TimeoutError):
                return []
            except Exception:  # noqa: BLE001  nobody wants an error while typing; it is logged with its trace
                await log.aexception("suggestions failed")
                return []

        return suggest

    async def _agents(self) -> list[str]:
        runs = sorted(await self._crew.runs.list(), key=lambda run: not run.alive)
        return [run.name for run in runs]

    async def _paths(self) -> list[str]:
        return [self._crew.workspaces.path(name) for name in await self._crew.workspaces.names()]

    async def _tools(self) -> list[str]:
        return [tool.name for tool in TOOLS]
