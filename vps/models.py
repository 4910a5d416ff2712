"""The nouns of the machine: what is asked of it, and what it holds."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_ALPHABET = string.ascii_lowercase + string.digits

Network = Literal["none", "restricted", "open"]
PermissionMode = Literal["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"]


def new_name(unix_ms: int, kind: str = "claude-agent") -> str:
    """A container's name: `claude-agent-<unix ms>-<6 characters>`."""
    return f"{kind}-{unix_ms}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"


class Origin(BaseModel):
    """Who asked, through which surface, and where the thread hangs. It comes from the surface, never from a field."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    caller: str = ""
    """A stable id: `discord:<user id>`, `operator:<login name>`, `agent:<run>` or `mcp:<login name>`."""
    caller_name: str = ""
    surface: str = ""
    guild_id: int | None = None
    channel_id: int | None = None
    thread_id: int | None = None
    """A thread that opens on a message has the message's id, so it is known before the thread is."""
    behalf: str = ""
    """The person whose work it is, where an agent or a model calls: its rights are never more than theirs, and they pay."""

    @property
    def person(self) -> str:
        """Who is behind it: the caller, or whom it calls for."""
        return self.behalf or self.caller

    @property
    def discord_user(self) -> int | None:
        """The id of who called through Discord."""
        return _discord_user(self.caller)

    @property
    def discord_person(self) -> int | None:
        """The same of who is behind it."""
        return _discord_user(self.person)


def _discord_user(caller: str) -> int | None:
    kind, _, number = caller.partition(":")
    return int(number) if kind == "discord" and number.isdigit() else None


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
    """What one container may use: bytes of memory, CPUs and processes; the bytes it may add to the disk; and how long a turn may
    take, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory: int = 4 << 30
    cpus: float = 2.0
    pids: int = 200
    disk: int = 20 << 30
    timeout_s: float = 600.0


class Kin(BaseModel):
    """A run's place among those that agents started: the run whose agent started it, how many are above it, and whether it goes on
    when that one ends."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    parent: str = ""
    depth: int = 0
    outlive: bool = False


class Bounds(BaseModel):
    """What a run may do at most, and so those that its agent starts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    network: Network = "none"
    permission_mode: PermissionMode = "default"
    allowed_tools: tuple[str, ...] | None = ()
    disallowed_tools: tuple[str, ...] = ()
    limits: Limits = Limits()


class Enclosed(BaseModel):
    """Files that go with a message, which its agent finds in a directory of the message's own (`vps.attachments.directory`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    told: str = ""
    """What the agent reads of them; empty where there are none."""
    files: tuple[tuple[str, bytes], ...] = Field(default=(), repr=False)
    """By names without a `/`."""
    pictures: tuple[tuple[str, str], ...] = ()
    """Those that it is shown as images: by path below the attachments' directory, and media type."""


class RunRequest(BaseModel):
    """A run to be started. `workspace` is a path on the host that is still to be resolved there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    session_id: str
    message_id: str
    task: str
    enclosed: Enclosed = Enclosed()
    workspace: str
    branch: str = ""
    """The branch of a further tree, made for this run; empty in a workspace itself."""
    options: CliOptions = CliOptions()
    limits: Limits = Limits()
    env: Mapping[str, str] = {}
    network: Network = "restricted"
    secrets: tuple[str, ...] = ()
    """Names of those it is given."""
    told: Mapping[str, str] = {}
    """Its options that are not as built in, in a few words each; nothing private."""
    from_channel: tuple[str, ...] = ()
    """Those of its options that its channel's settings gave."""
    origin: Origin = Origin()
    kin: Kin = Kin()
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
    network: Network = "restricted"
    secrets: tuple[str, ...] = ()
    """Names of those it was given."""
    options: Mapping[str, str] = {}
    """Its options that are not as built in, in a few words each."""
    from_channel: tuple[str, ...] = ()
    """Those of its options that its channel's settings gave."""
    origin: Origin = Origin()
    kin: Kin = Kin()
    bounds: Bounds = Bounds()
    created_at: float = 0.0

    @property
    def given(self) -> str:
        """What it was started with besides its task, for people; empty where all is as built in."""
        parts = [
            f"{name} {value}" + (" (channel)" if name in self.from_channel else "")
            for name, value in self.options.items()
        ]
        return " · ".join([*parts, *([f"secrets {', '.join(self.secrets)}"] if self.secrets else [])])


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
    root_mode: int = 0
    """The permission bits of the root directory."""
