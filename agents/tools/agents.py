"""The tools around the agents there are: status, output, stop, list, wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from pydantic import Field

from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.listing import TAIL, chosen
from agents.tools.parameters import ContainerId, TimeoutMs
from agents.tools.stakes import Stake, always
from agents.tools.views import AgentView, transcript, view
from vps.errors import BadInput, HostUnreachable
from vps.host.layout import NAME
from vps.run import Run, Usage

T = TypeVar("T")

_POLL_S = 1.0


class AgentInput(Input):
    """Tools on one agent take its id."""

    container_id: ContainerId


async def ours(crew: Crew, given: str) -> Run:
    """The run an id means. Raises BadInput for a container that was started by hand: it has no gateway."""
    run = await crew.runs.describe(await crew.runs.find(given), tail=0)
    if run.record is None:
        remedy = "Name one that `list` shows with a task."
        raise BadInput("container_id", f"{run.name} was started by hand, past the gateway.", remedy=remedy)
    return run


async def named(crew: Crew, given: str) -> str:
    """The name of the run an id means. A full one needs no look at what runs there: the host itself knows whether it is known.

    Raises BadInput for a container that was started by hand.
    """
    name = given if NAME.fullmatch(given) else await crew.runs.find(given)
    if not NAME.fullmatch(name):
        raise BadInput("container_id", f"{name} was started by hand.", remedy="Use `docker attach` on the VPS.")
    return name


class StatusOutput(Output):
    """One agent's state."""

    agent: AgentView
    cpu: str | None = None
    memory: str | None = None

    def summary(self) -> str:
        """See `Output.summary`."""
        used = f" · CPU {self.cpu}, memory {self.memory}" if self.cpu else ""
        given = f"\n{self.agent.given}" if self.agent.given else ""
        asks = [f"\n{question.summary()}" for question in self.agent.questions]
        return self.agent.summary() + used + given + "".join(asks)


async def _status(crew: Crew, given: AgentInput, _call: Call) -> StatusOutput:
    try:
        name = await crew.runs.find(given.container_id)
        run = await crew.runs.describe(name)
        usages = await crew.runs.usages([name]) if run.alive and run.waiting is None else {}
    except HostUnreachable as lost:
        return status(crew.known.recall(given.container_id, lost), None)
    return status(crew.known.note(view(run, crew.mask)), usages.get(name))


def status(agent: AgentView, usage: Usage | None) -> StatusOutput:
    """An agent with what it uses, where that is known."""
    return StatusOutput(agent=agent, cpu=usage.cpu if usage else None, memory=usage.memory if usage else None)


class OutputInput(AgentInput):
    """What `get_claude_output` takes."""

    lines: Annotated[int, Field(default=100, gt=0, le=5000, description="how many of the last lines")]
    raw: Annotated[bool, Field(default=False, description="the stream itself instead of the readable transcript")]


class TextOutput(Output):
    """Text of one agent."""

    container_id: str
    text: str

    def summary(self) -> str:
        """See `Output.summary`."""
        return self.text


async def _output(crew: Crew, given: OutputInput, _call: Call) -> TextOutput:
    name = await crew.runs.find(given.container_id)
    run = await crew.runs.describe(name, tail=4 << 20)
    if run.by_hand:
        text = await crew.runs.logs(name, given.lines)
    else:
        text = transcript(run, given.lines, raw=given.raw)
    return TextOutput(container_id=name, text=text or "Nothing yet.")


class StopOutput(Output):
    """How a stop went."""

    container_id: str
    was_running: bool
    was_queued: bool = False

    def summary(self) -> str:
        """See `Output.summary`."""
        if self.was_queued:
            return f"{self.container_id} stopped before it started."
        return f"{self.container_id} stopped." if self.was_running else f"{self.container_id} had ended already."


async def _stop(crew: Crew, given: AgentInput, _call: Call) -> StopOutput:
    name = await crew.runs.find(given.container_id)
    run = await crew.runs.describe(name, tail=0)
    was_started = not run.alive or await crew.runs.stop(name)
    return StopOutput(container_id=name, was_running=run.alive and was_started, was_queued=not was_started)


class ListInput(Input):
    """What `list_claude_agents` takes."""

    all: Annotated[bool, Field(default=False, description="also those that ended more than 24 hours ago")]


class ListOutput(Output):
    """Agents, newest first."""

    agents: list[AgentView]

    def summary(self) -> str:
        """See `Output.summary`."""
        return "\n".join(agent.summary() for agent in self.agents) or "No agents."


async def _list(crew: Crew, given: ListInput, _call: Call) -> ListOutput:
    try:
        runs = chosen(await crew.runs.list(), all=given.all)
        read = await asyncio.gather(*(crew.runs.read(run, tail=TAIL) for run in runs))
    except HostUnreachable as lost:
        return ListOutput(agents=crew.known.all(lost))
    return ListOutput(agents=[crew.known.note(view(run, crew.mask)) for run in read])


class WaitInput(AgentInput):
    """What `wait_for_claude_agent` takes."""

    timeout: TimeoutMs = 600_000


class WaitOutput(Output):
    """The end of an agent, or that it still runs."""

    agent: AgentView
    finished: bool

    def summary(self) -> str:
        """See `Output.summary`."""
        if not self.finished:
            return f"Still {'queued' if self.agent.waiting else 'running'}: {self.agent.summary()}"
        return self.agent.summary() + (f"\n{self.agent.result}" if self.agent.result else "")


async def _wait(crew: Crew, given: WaitInput, _call: Call) -> WaitOutput:
    name, finished = given.container_id, True
    try:
        async with asyncio.timeout(given.timeout / 1000):
            name = await _patiently(lambda: crew.runs.find(given.container_id))
            await _until_end(crew, name)
    except TimeoutError:
        finished = False
    try:
        agent = crew.known.note(view(await crew.runs.describe(name), crew.mask))
    except HostUnreachable as lost:
        agent = crew.known.recall(name, lost)
    return WaitOutput(agent=agent, finished=finished)


async def _until_end(crew: Crew, name: str) -> None:
    """Its end, or that of its turn, as the host tells it, asked after every second."""
    while (run := await _patiently(lambda: crew.runs.describe(name, tail=0))).alive and not run.idle:
        await asyncio.sleep(_POLL_S)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, also across times when the host does not answer."""
    while True:
        try:
            return await ask()
        except HostUnreachable:
            await asyncio.sleep(_POLL_S)


STATUS = Tool(
    "get_claude_status",
    "status",
    "State, turns, cost and last action of an agent",
    Right.VIEW,
    AgentInput,
    StatusOutput,
    _status,
)
OUTPUT = Tool(
    "get_claude_output",
    "output",
    "The last lines of an agent's transcript",
    Right.VIEW,
    OutputInput,
    TextOutput,
    _output,
)
STOP = Tool(
    "stop_claude_agent",
    "stop",
    "Stop an agent; its log is kept",
    Right.RUN,
    AgentInput,
    StopOutput,
    _stop,
    timeout_s=90,
    stakes=always(Stake.STOPS),
)
LIST = Tool(
    "list_claude_agents", "list", "Agents that run or ended within a day", Right.VIEW, ListInput, ListOutput, _list
)
WAIT = Tool(
    "wait_for_claude_agent",
    "wait",
    "Wait for an agent and give its result",
    Right.VIEW,
    WaitInput,
    WaitOutput,
    _wait,
    timeout_s=86_500,
)
TOOLS = (STATUS, OUTPUT, STOP, LIST, WAIT)
