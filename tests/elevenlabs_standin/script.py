"""What the agent does about one message of the person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Say:
    """An `agent_response`."""

    text: str


@dataclass(frozen=True)
class Correct:
    """An `agent_response_correction`."""

    original: str
    corrected: str


@dataclass(frozen=True)
class Complete:
    """An `agent_response_complete`, which the public AsyncAPI does not have yet; the SDK's `ClientEvent` names it."""


@dataclass(frozen=True)
class CallTool:
    """A `client_tool_call`; the next step waits for its result, unless it is late."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    id: str = ""
    awaited: bool = True


@dataclass(frozen=True)
class Pause:
    """Nothing, for a while."""

    seconds: float


@dataclass(frozen=True)
class Fail:
    """An error event, then an ordinary close: what ElevenLabs does about trouble of its own."""

    message: str


@dataclass(frozen=True)
class Drop:
    """The socket closes with a code; with None the connection is cut."""

    code: int | None = None


@dataclass(frozen=True)
class Raw:
    """A frame as it is, unchecked."""

    text: str


Step = Say | Correct | Complete | CallTool | Pause | Fail | Drop | Raw
