"""What a follower of a run gets: its place in the queue, its log's pieces in order, then its end or why it is followed no more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from vps.models import Waiting
from vps.outcome import DockerExit, SupervisorExit, docker_exit, supervisor_exit


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a log from `offset` on; the log was last written to `quiet_s` seconds before they were sent."""

    offset: int
    data: bytes
    quiet_s: float = 0.0


@dataclass(frozen=True, slots=True)
class End:
    """The run is over; its log ends at `size` and everything before was given."""

    size: int
    docker: DockerExit
    exit: SupervisorExit | None


@dataclass(frozen=True, slots=True)
class Fault:
    """The log can be followed no further: missing, shrank, replaced or unreadable. Nothing is ever replayed."""

    what: str


Update = Piece | Waiting | End | Fault


@dataclass(slots=True)
class Follower:
    """Whoever follows a log: what is next, and what was not taken yet."""

    offset: int
    queue: asyncio.Queue[Update] = field(default_factory=asyncio.Queue[Update])

    def take(self, head: dict[str, Any], body: bytes) -> None:
        """One message of the relay process about this log."""
        if head["t"] == "data":
            # A piece sent before a reconnect's `follow` arrived could come twice; only what continues is taken.
            if head["offset"] == self.offset:
                self.offset += len(body)
                self.queue.put_nowait(Piece(head["offset"], body, float(head["quiet_s"])))
        elif head["t"] == "queue":
            self.queue.put_nowait(Waiting.model_validate(head))
        elif head["t"] == "end":
            ended = docker_exit(head["docker"]) or DockerExit(), supervisor_exit(head["exit"])
            self.queue.put_nowait(End(head["size"], *ended))
        else:
            self.queue.put_nowait(Fault(head["what"]))
