"""The tools around one agent: spawn, status, output, stop, list, wait."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, TypeVar

from pydantic import Field, field_validator

from agents.crew import Crew, Order
from agents.rights import Right
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.listing import TAIL, chosen
from agents.tools.parameters import ContainerId, MemoryBytes, TimeoutMs
from agents.tools.views import AgentView, transcript, view
from vps.errors import HostUnreachable
from vps.models import CliOptions, PermissionMode, Waiting
from vps.run import Usage

T = TypeVar("T")

MAX_TASK = 100_000
"""Characters. The CLI takes more, but a task that long belongs in a file of the workspace."""
_FORBIDDEN_ENV = re.compile(
    r"(ANTHROPIC|CLAUDE|NODE|LD)_.*|(ALL|HTTPS?|NO|FTP)_PROXY|PATH|HOME|BASH_ENV|ENV|IFS|SHELLOPTS", re.IGNORECASE
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_POLL_S = 1.0


class SpawnInput(Input):
    """What `spawn_claude_agent` takes."""

    task: Annotated[str, Field(max_length=MAX_TASK, description="what the agent should do")]
    workspace_path: Annotated[
        str | None, Field(default=None, max_length=4096, description="directory on the host to work in")
    ]
    timeout: TimeoutMs = 600_000
    model: Annotated[str | None, Field(default=None, min_length=1, max_length=200, description="model of the agent")]
    fallback_model: Annotated[
        str | None, Field(default=None, min_length=1, max_length=200, description="when it is overloaded")
    ]
    effort: Annotated[
        Literal["low", "medium", "high", "xhigh", "max"] | None, Field(default=None, description="how hard it thinks")
    ]
    permission_mode: Annotated[PermissionMode, Field(default="bypassPermissions", description="what it may do unasked")]
    max_turns: Annotated[int | None, Field(default=None, gt=0, le=10_000, description="most API calls")]
    max_budget_usd: Annotated[
        float | None, Field(default=None, gt=0, le=100_000, description="most it may cost, in USD")
    ]
    allowed_tools: Annotated[
        str | None, Field(default=None, max_length=2000, description="the only tools it may use, by comma")
    ]
    disallowed_tools: Annotated[
        str | None, Field(default=None, max_length=2000, description="tools it may not use, by comma")
    ]
    system_prompt: Annotated[
        str | None, Field(default=None, max_length=50_000, description="replaces the system prompt")
    ]
    append_system_prompt: Annotated[
        str | None, Field(default=None, max_length=50_000, description="added to the system prompt")
    ]
    mcp_config: Annotated[str | None, Field(default=None, max_length=50_000, description="MCP servers, as JSON")]
    env: Annotated[
        str | None, Field(default=None, max_length=20_000, description="KEY=VALUE lines for its environment")
    ]
    profile: Annotated[Literal["base"], Field(default="base", description="image profile")]
    memory: Annotated[MemoryBytes | None, Field(default=None, description="memory limit, such as 4g")]
    cpus: Annotated[float | None, Field(default=None, gt=0, allow_inf_nan=False, description="CPU limit, such as 1.5")]

    @field_validator("task")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty; say what the agent should do")
        if "\0" in value:
            raise ValueError("holds a NUL character")
        return value

    @field_validator("workspace_path", "model", "fallback_model", "system_prompt", "append_system_prompt")
    @classmethod
    def _is_a_word(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("holds a NUL character")
        return value

    @field_validator("mcp_config")
    @classmethod
    def _is_json(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parsed = json.loads(value)
            except ValueError as error:
                raise ValueError(f"is no JSON ({error})") from error
            if not isinstance(parsed, dict):
                raise ValueError("is no JSON object")
        return value

    @field_validator("env")
    @classmethod
    def _is_harmless(cls, value: str | None) -> str | None:
        env_lines(value)
        return value


def env_lines(text: str | None) -> dict[str, str]:
    """KEY=VALUE lines. Raises ValueError for one that is none, or could redirect or read the operator's credential."""
    found: dict[str, str] = {}
    for line in (text or "").splitlines():
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals or not _ENV_NAME.fullmatch(name) or "\0" in value:
            raise ValueError(f"{line[:40]!r} is no KEY=VALUE line")
        if _FORBIDDEN_ENV.fullmatch(name):
            raise ValueError(f"may not set {name}: it could redirect or read the operator's credential")
        found[name] = value
    return found


def _words(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(word.strip() for word in text.split(",") if word.strip())


class SpawnOutput(Output):
    """The new agent."""

    container_id: str
    workspace: str
    queue_place: int | None = None
    """Where it waits to be started: 1 is the next. `waits_for` says why it does."""
    waits_for: str = ""

    def summary(self) -> str:
        """See `Output.summary`."""
        if self.queue_place is not None:
            waiting = Waiting(place=self.queue_place, why=self.waits_for)
            return f"{self.container_id} queued in {self.workspace}, {waiting}."
        return f"{self.container_id} started in {self.workspace}."


async def _spawn(crew: Crew, given: SpawnInput, call: Call) -> SpawnOutput:
    options = CliOptions(
        model=given.model,
        fallback_model=given.fallback_model,
        effort=given.effort,
        permission_mode=given.permission_mode,
        max_turns=given.max_turns,
        max_budget_usd=given.max_budget_usd,
        allowed_tools=_words(given.allowed_tools),
        disallowed_tools=_words(given.disallowed_tools) or (),
        system_prompt=given.system_prompt,
        append_system_prompt=given.append_system_prompt,
        mcp_config=given.mcp_config,
    )
    order = Order(
        task=given.task,
        workspace=given.workspace_path,
        timeout_s=given.timeout / 1000,
        options=options,
        env=env_lines(given.env),
        memory=given.memory,
        cpus=given.cpus,
    )
    run = await crew.spawn(order, call.origin, call.progress, name=call.run)
    place, why = (run.waiting.place, run.waiting.why) if run.waiting else (None, "")
    workspace = run.record.workspace if run.record else ""
    return SpawnOutput(container_id=run.name, workspace=workspace, queue_place=place, waits_for=why)


class AgentInput(Input):
    """Tools on one agent take its id."""

    container_id: ContainerId


class StatusOutput(Output):
    """One agent's state."""

    agent: AgentView
    cpu: str | None = None
    memory: str | None = None

    def summary(self) -> str:
        """See `Output.summary`."""
        used = f" · CPU {self.cpu}, memory {self.memory}" if self.cpu else ""
        return self.agent.summary() + used


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
        text = crew.mask.text(await crew.runs.logs(name, given.lines))
    else:
        text = transcript(run, crew.mask, given.lines, raw=given.raw)
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
    """Its end as the host tells it, asked after every second."""
    while (await _patiently(lambda: crew.runs.describe(name, tail=0))).alive:
        await asyncio.sleep(_POLL_S)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, also across times when the host does not answer."""
    while True:
        try:
            return await ask()
        except HostUnreachable:
            await asyncio.sleep(_POLL_S)


SPAWN = Tool(
    "spawn_claude_agent",
    "spawn",
    "Start a Claude Code agent on a task",
    Right.RUN,
    SpawnInput,
    SpawnOutput,
    _spawn,
    timeout_s=1800,
)
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
TOOLS = (SPAWN, STATUS, OUTPUT, STOP, LIST, WAIT)
