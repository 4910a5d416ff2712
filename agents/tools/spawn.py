"""The tool that starts an agent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from agents import attachments
from agents.attachments import Attachment
from agents.crew import Crew, Order
from agents.rights import Right
from agents.tools import defaults, environment
from agents.tools.core import Call, NotPermitted, Output, Tool
from agents.tools.rules import rules
from agents.tools.spawn_options import SpawnOptions
from agents.tools.stakes import Stake, Stakes
from vps.errors import BadInput
from vps.models import CliOptions, Waiting

MAX_TASK = 100_000
"""Characters. The CLI takes more, but a task that long belongs in a file of the workspace."""


_FILES = {"files"}


class SpawnInput(SpawnOptions):
    """What `spawn_claude_agent` takes."""

    task: Annotated[str, Field(max_length=MAX_TASK, description="what the agent should do")]
    secrets: Annotated[
        str | None, Field(default=None, max_length=2000, description="names of secrets it is given, by comma")
    ]
    files: Annotated[
        tuple[Attachment, ...], Field(default=(), description="files for it, each a `name` and its `content` in base64")
    ]

    @field_validator("task")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty; say what the agent should do")
        if "\0" in value:
            raise ValueError("holds a NUL character")
        return value

    @field_validator("secrets")
    @classmethod
    def _are_names(cls, value: str | None) -> str | None:
        environment.names(value)
        return value

    @model_validator(mode="after")
    def _has_each_variable_once(self) -> SpawnInput:
        twice = environment.lines(self.env).keys() & set(environment.names(self.secrets))
        if twice:
            remedy = "Leave it out of one of them."
            raise BadInput("secrets", f"{', '.join(sorted(twice))} is set by `env` too.", remedy=remedy)
        return self


class SpawnOutput(Output):
    """The new agent."""

    container_id: str
    workspace: str
    queue_place: int | None = None
    """Where it waits to be started: 1 is the next. `waits_for` says why it does."""
    waits_for: str = ""
    refused: tuple[str, ...] = ()
    """The files that it was not given, each with the reason and a remedy."""

    def summary(self) -> str:
        """See `Output.summary`."""
        told = f"{self.container_id} started in {self.workspace}."
        if self.queue_place is not None:
            waiting = Waiting(place=self.queue_place, why=self.waits_for)
            told = f"{self.container_id} queued in {self.workspace}, {waiting}."
        return attachments.with_refused(told, self.refused)


def _restrict(given: SpawnInput, rights: frozenset[Right]) -> None:
    if given.network == "open" and Right.MANAGE not in rights:
        remedy = "Leave it out: whoever may, allows what is missing with the button in the thread."
        raise NotPermitted(f"`network:open` takes the right to {Right.MANAGE}, as allowing a host does.", remedy=remedy)


async def _spawn(crew: Crew, given: SpawnInput, call: Call) -> SpawnOutput:
    crew.settings.require_credential()
    kept, seen = await asyncio.gather(defaults.of_channel(crew, call.origin), crew.look())
    values = defaults.missing(given, kept)
    accepted, refused = await asyncio.to_thread(attachments.sort_out, given.files, crew.settings.attachment_bytes)
    named = given.model_dump(include=given.model_fields_set, exclude=_FILES)
    order = replace(_order(SPAWN.parse({**values, **named}), tuple(values)), accepted=accepted, refused=refused)
    try:
        run = await crew.spawn(order, call.origin, call.progress, name=call.run, seen=seen)
    except BadInput as error:
        raise defaults.from_channel(error) if error.field in values else error from error
    place, why = (run.waiting.place, run.waiting.why) if run.waiting else (None, "")
    workspace = run.record.workspace if run.record else ""
    told = tuple(map(str, refused))
    return SpawnOutput(container_id=run.name, workspace=workspace, queue_place=place, waits_for=why, refused=told)


def _order(given: SpawnInput, from_channel: tuple[str, ...]) -> Order:
    options = CliOptions(
        model=given.model,
        fallback_model=given.fallback_model,
        effort=given.effort,
        permission_mode=given.permission_mode,
        max_turns=given.max_turns,
        max_budget_usd=given.max_budget_usd,
        allowed_tools=None if given.allowed_tools is None else rules(given.allowed_tools),
        disallowed_tools=rules(given.disallowed_tools or ""),
        system_prompt=given.system_prompt,
        append_system_prompt=given.append_system_prompt,
        mcp_config=given.mcp_config,
    )
    plain: dict[str, Any] = given.model_dump(exclude=_FILES)
    shown = sorted(given.model_fields_set - {"task", "secrets", "workspace_path"})
    return Order(
        task=given.task,
        workspace=given.workspace_path,
        timeout_s=given.timeout / 1000,
        options=options,
        env=environment.lines(given.env),
        memory=given.memory,
        cpus=given.cpus,
        disk=given.disk,
        network=given.network,
        secrets=environment.names(given.secrets),
        told=defaults.told(plain, shown),
        from_channel=from_channel,
    )


def _stakes(given: SpawnInput) -> Stakes:
    return frozenset({Stake.SPENDS, Stake.OPENS} if given.network == "open" else {Stake.SPENDS})


SPAWN = Tool(
    "spawn_claude_agent",
    "spawn",
    "Start a Claude Code agent on a task",
    Right.RUN,
    SpawnInput,
    SpawnOutput,
    _spawn,
    timeout_s=1800,
    restrict=_restrict,
    stakes=_stakes,
)
TOOLS = (SPAWN,)
