"""What the scripted model can answer: blocks of a message, how they are delivered, or an API error.

The shapes follow https://docs.anthropic.com/en/api/messages and .../en/api/errors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Ending = Literal["complete", "hang", "drop", "error_event", "malformed"]
"""How a stream ends: as documented, silent after the first delta, with the connection closed after the first
delta, with an `error` event there, or with a line that is no JSON there."""

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The `error.type` that belongs to each HTTP status of the Messages API."""


@dataclass(frozen=True)
class Text:
    """A text block; its deltas joined are `text`."""

    text: str


@dataclass(frozen=True)
class Thinking:
    """A thinking block, streamed as `thinking_delta`s and a `signature_delta`."""

    text: str


@dataclass(frozen=True)
class ToolUse:
    """A call of the tool `name`; `input` is streamed as `input_json_delta`s."""

    name: str
    input: Mapping[str, Any]


Block = Text | Thinking | ToolUse


@dataclass(frozen=True)
class Reply:
    """One assistant message. `pause_s` seconds pass before each delta; without `stop_reason` the blocks decide."""

    blocks: tuple[Block, ...]
    stop_reason: str | None = None
    pause_s: float = 0
    ending: Ending = "complete"
    explanation: str | None = None

    @property
    def stopped_for(self) -> str:
        """The `stop_reason` to send: as given, else `tool_use` when a tool is called, else `end_turn`."""
        calls_tool = any(isinstance(block, ToolUse) for block in self.blocks)
        return self.stop_reason or ("tool_use" if calls_tool else "end_turn")


@dataclass(frozen=True)
class Fault:
    """An HTTP error answer in the API's error envelope; `headers` are added to it."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def type(self) -> str:
        """The API's name for this status; an unlisted one is an `api_error`."""
        return ERROR_TYPES.get(self.status, "api_error")


def say(text: str) -> Reply:
    """A message of one text block."""
    return Reply((Text(text),))


def bash(command: str, description: str, *, before: str = "", **more: Any) -> Reply:
    """A message that calls the Bash tool, after the words `before`; `more` are further fields of its input."""
    call = ToolUse("Bash", {"command": command, "description": description, **more})
    return Reply((Text(before), call) if before else (call,))
