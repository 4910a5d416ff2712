"""The tool that starts an agent."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from agents.crew import Crew, Order
from agents.rights import Right
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.parameters import MemoryBytes, TimeoutMs
from vps.models import CliOptions, PermissionMode, Waiting

MAX_TASK = 100_000
"""Characters. The CLI takes more, but a task that long belongs in a file of the workspace."""
_FORBIDDEN_ENV = re.compile(
    r"(ANTHROPIC|CLAUDE|NODE|LD)_.*|(ALL|HTTPS?|NO|FTP)_PROXY|PATH|HOME|BASH_ENV|ENV|IFS|SHELLOPTS", re.IGNORECASE
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
TOOLS = (SPAWN,)
