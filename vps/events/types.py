"""What one line of a run's log says. Field meanings follow the stream of Claude Code 2.1.197; unknown things stay `Unknown`.

`parent` is the id of the `Agent` tool call a subagent's event belongs to, or None for the main agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vps.events.asked import Answered, Question

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Init:
    """A turn begins (`system/init`); it is repeated for every turn of a long-lived process."""

    session_id: str
    model: str
    permission_mode: str
    cwd: str
    cli_version: str
    api_key_source: str
    tools: tuple[str, ...] = ()
    mcp_servers: tuple[tuple[str, str], ...] = ()
    """(name, status) pairs."""


@dataclass(frozen=True, slots=True)
class Text:
    """The agent's words. `error` is the CLI's error class when it speaks in the agent's place."""

    text: str
    message_id: str = ""
    """The API message's id, the same for all its blocks; empty for a message of the CLI's own making."""
    error: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """The agent's thoughts."""

    text: str
    parent: str | None = None
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The agent calls a tool."""

    id: str
    name: str
    input: Json
    parent: str | None = None
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's outcome; `detail` is the CLI's structured form (`tool_use_result`), a mapping or its error string."""

    tool_use_id: str
    text: str
    is_error: bool
    detail: Json | str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class UserMessage:
    """A user's words as the CLI took them in (`isReplay`), or its own nudge (`isSynthetic`)."""

    text: str
    uuid: str = ""
    is_replay: bool = False
    is_synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A turn ends. Success is `subtype == "success" and not is_error` (and the process's exit code 0)."""

    subtype: str
    is_error: bool
    text: str = ""
    errors: tuple[str, ...] = ()
    num_turns: int = 0
    duration_ms: int = 0
    cost_usd: float = 0.0
    """Cumulative over the process."""
    usage: Json = field(default_factory=dict[str, Any])
    api_error_status: int | None = None
    stop_reason: str | None = None
    terminal_reason: str | None = None
    denials: int = 0
    session_id: str = ""
    origin: str | None = None
    """`task-notification` for a turn that background work started."""

    @property
    def ok(self) -> bool:
        """The CLI's own claim of success."""
        return self.subtype == "success" and not self.is_error


@dataclass(frozen=True, slots=True)
class ApiRetry:
    """The CLI waits before it asks the API again. `status` is None for a connection error or timeout."""

    attempt: int
    max_retries: int
    delay_ms: float
    status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A subscription's limit: status allowed, allowed_warning or rejected; `resets_at` in epoch seconds."""

    status: str
    resets_at: float | None
    kind: str | None
    utilization: float | None


@dataclass(frozen=True, slots=True)
class ModelFallback:
    """The CLI went over to another model."""

    original: str
    fallback: str
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model declined."""

    category: str | None
    explanation: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Task:
    """A subagent or background command: subtype started, progress, updated or notification."""

    subtype: str
    task_id: str
    description: str = ""
    status: str = ""
    tool_use_id: str | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """A passing state: requesting, compacting, or None when it is over."""

    status: str | None


@dataclass(frozen=True, slots=True)
class ThinkingTokens:
    """How much the model has thought so far."""

    estimated: int


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook's life: subtype hook_started, hook_progress or hook_response."""

    subtype: str
    name: str
    event: str
    outcome: str | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class SessionState:
    """running, idle (all work is done) or requires_action."""

    state: str


@dataclass(frozen=True, slots=True)
class Compacted:
    """The conversation was compacted."""

    trigger: str


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """The CLI asks its host (`can_use_tool` and others)."""

    request_id: str
    subtype: str
    request: Json


@dataclass(frozen=True, slots=True)
class ControlResponse:
    """The CLI's answer to a control request of ours."""

    request_id: str
    ok: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """A raw API event of a message still being written (`stream_event`)."""

    event: Json
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run changed in its workspace: `stat` is git's diffstat."""

    stat: str
    files: int
    insertions: int
    deletions: int


@dataclass(frozen=True, slots=True)
class Supervisor:
    """A line of the supervisor in the container: subtype started, turn_started, turn_ended, timeout, stopping, disk_low,
    bad_input, hung, resumed, ended. A run that was woken has started more than once.

    `reason` is first or again for hung, interrupted or replaced for resumed, and how the run ended for ended.
    """

    subtype: str
    at: float
    reason: str | None = None
    exit_code: int | None = None
    detail: str = ""
    changes: Changes | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the gateway did: subtype paused (requests wait), unpaused, warned, denied (a host) or denied_more (others, not told).

    `why` is a kind: credential, plan, rate, budget_run, budget_person, budget_day. `until` is in epoch seconds. An `inward` host
    leads to an address that no host may lead to.
    """

    subtype: str
    why: str = ""
    text: str = ""
    until: float | None = None
    host: str = ""
    inward: bool = False


@dataclass(frozen=True, slots=True)
class AgentCall:
    """The agent asks for something that the control plane is to carry out; one that is `wrong` it refuses, for that reason."""

    id: str
    tool: str
    at: float
    arguments: Json = field(default_factory=dict[str, Any])
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class AgentCalled:
    """The agent was given its answer. `child` is the run that was started, `thread` the id of the thread that shows it."""

    id: str
    tool: str
    ok: bool
    child: str = ""
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Notified:
    """The agent tells the one who started it something."""

    text: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A message that was said is not to be read any more, but in the words of id `by`, where there is one; or, `is_late`, it was
    read already, and stays as it was."""

    message_id: str
    by: str = ""
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """A line of a type or subtype that is not known here; never an error."""

    type: str
    subtype: str | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is no JSON object; `text` is its beginning."""

    text: str


Event = (
    Init
    | Text
    | Thinking
    | ToolUse
    | ToolResult
    | UserMessage
    | Result
    | ApiRetry
    | RateLimit
    | ModelFallback
    | Refusal
    | Task
    | Status
    | ThinkingTokens
    | Hook
    | SessionState
    | Compacted
    | ControlRequest
    | ControlResponse
    | Partial
    | Supervisor
    | Edited
    | Gateway
    | Question
    | Answered
    | AgentCall
    | AgentCalled
    | Notified
    | Unknown
    | Malformed
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log: its byte range [start, end) with the newline, and its events (mostly one)."""

    start: int
    end: int
    events: tuple[Event, ...]
