"""The crew at a glance, read again and again: what `list` shows, with what each agent uses."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from agents.crew import Crew
from agents.tools.agents import StatusOutput, status
from agents.tools.listing import MOST, TAIL, chosen
from agents.tools.views import AgentView, view
from vps.run import Run, Usage


class Seen(BaseModel):
    """Agents, those at work first. `more` is how many there are besides."""

    model_config = ConfigDict(frozen=True)

    agents: tuple[StatusOutput, ...] = ()
    more: int = 0


class Overview:
    """Asks the host one thing after the other. An agent that has ended is read once: nothing of it changes any more."""

    def __init__(self, crew: Crew, *, all: bool = False) -> None:  # noqa: A002  the parameter's name in the tool
        self._crew = crew
        self._all = all
        self._ended: dict[str, AgentView] = {}
        self._running: list[str] = []
        self._usages: Mapping[str, Usage] = {}

    async def look(self, most: int = MOST) -> Seen:
        """The agents there are, at most `most`, with what `measure` found last."""
        runs = chosen(await self._crew.runs.list(), all=self._all)
        self._running = [run.name for run in runs if run.container is not None and run.container.state == "running"]
        views = [await self._view(run) for run in runs[:most]]
        agents = tuple(status(each, self._usages.get(each.container_id)) for each in views)
        return Seen(agents=agents, more=len(runs) - len(agents))

    async def measure(self, seen: Seen) -> Seen:
        """The same agents with what they use now; takes about two seconds."""
        self._usages = await self._crew.runs.usages(self._running)
        agents = tuple(status(each.agent, self._usages.get(each.agent.container_id)) for each in seen.agents)
        return Seen(agents=agents, more=seen.more)

    async def _view(self, run: Run) -> AgentView:
        if run.name in self._ended:
            return self._ended[run.name]
        found = view(await self._crew.runs.read(run, tail=TAIL), self._crew.mask)
        if not found.alive and not found.by_hand:
            self._ended[run.name] = found
        return found
