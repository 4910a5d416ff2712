"""The nouns of the machine: what is asked of it, and what it holds."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

_ALPHABET = string.ascii_lowercase + string.digits

PermissionMode = Literal["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"]


def new_name(unix_ms: int) -> str:
    """A container's name: `claude-agent-<unix ms>-<6 characters>`."""
    return f"claude-agent-{unix_ms}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"


class Origin(BaseModel):
    """Who asked, through which surface, and where the thread hangs. It comes from the surface, never from a field."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    caller: str = ""
    """A stable id: `discord:<user id>` or `operator:<login name>`."""
    caller_name: str = ""
    surface: str = ""
    guild_id: int | None = None
    channel_id: int | None = None
    thread_id: int | None = None
    """A thread that opens on a message has the message's id, so it is known before the thread is."""


class CliOptions(BaseModel):
    """Options of the CLI, by its own names. None leaves its default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    fallback_model: str | None = None
    effort: str | None = None
    permission_mode: PermissionMode = "bypassPermissions"
    max_turns: int | None = None
    max_budget_usd: float | None = None
    allowed_tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    system_prompt: str | None = None
    append_system_prompt: str | None = None
    mcp_config: str | None = None


class Limits(BaseModel):
    """What one container may use: bytes, CPUs and processes; and how long a turn may take, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory: int = 4 << 30
    cpus: float = 2.0
    pids: int = 200
    timeout_s: float = 600.0


class RunRequest(BaseModel):
    """A run to be started. `workspace` is a path on the host that is still to be resolved there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    session_id: str
    message_id: str
    task: str
    workspace: str
    branch: str = ""
    """The branch of a further tree, made for this run; empty in a workspace itself."""
    options: CliOptions = CliOptions()
    limits: Limits = Limits()
    env: Mapping[str, str] = {}
    origin: Origin = Origin()
    created_at: float
    """Epoch seconds."""


class RunRecord(BaseModel):
    """`run.json`: what was asked, kept beside the log. No secret."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    task: str = ""
    workspace: str = ""
    """The directory it works in, a real path of the host."""
    workspace_name: str = ""
    """The workspace that directory lies in."""
    branch: str = ""
    session_id: str = ""
    model: str | None = None
    timeout_s: float = 0.0
    origin: Origin = Origin()
    created_at: float = 0.0


class Waiting(BaseModel):
    """A run that was not started yet: its place in the queue, from 1 on, and what the queue waits for.

    Place 0 tells that it waits no more.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    place: int
    why: str = ""

    def __str__(self) -> str:
        return f"place {self.place}: waits for {self.why}"


class Room(BaseModel):
    """How many more agents could start now (`room`; 999 stands for more), what the next one after those would wait for (`why`),
    and how many wait."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    room: int
    why: str
    queued: int


class HostFacts(BaseModel):
    """What the host has: bytes, CPUs, its clock in epoch seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uid: int
    gid: int
    cpus: int
    memory: int
    available: int
    disk_free: int
    python: str
    now: float
