"""Failures that tests order for the next REST requests."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    STATUS = "status"
    RESET_BEFORE = "reset before acceptance"
    RESET_AFTER = "reset after acceptance"
    DELAY = "delay"
    HOLD = "hold"
    HOLD_AFTER = "hold the answer, after acceptance"


@dataclass
class Gate:
    """Holds a request until the test lets it go."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self) -> None:
        self.opened.set()


@dataclass
class Fault:
    """What happens to the next `times` requests whose method and path match."""

    kind: Kind
    method: str
    path: re.Pattern[str]
    times: int = 1
    status: int = 500
    code: int = 0
    message: str = ""
    retry_after: float = 0.0
    everywhere: bool = False
    delay: float = 0.0
    gate: Gate = field(default_factory=Gate)
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        return self.hits < self.times and self.method in {"*", method} and bool(self.path.search(path))


class Faults:
    """The ordered failures; `latency` seconds are added to every request."""

    def __init__(self) -> None:
        self.latency = 0.0
        self._ordered: list[Fault] = []

    def order(self, fault: Fault) -> Fault:
        self._ordered.append(fault)
        return fault

    def take(self, method: str, path: str) -> list[Fault]:
        """The failures of this request, counted as used."""
        due = [fault for fault in self._ordered if fault.matches(method, path)]
        delays = [fault for fault in due if fault.kind in {Kind.DELAY, Kind.HOLD, Kind.HOLD_AFTER}]
        endings = [fault for fault in due if fault not in delays][:1]
        for fault in [*delays, *endings]:
            fault.hits += 1
        return delays + endings

    @property
    def unused(self) -> list[Fault]:
        """Failures that never happened: a test that ordered them proved nothing."""
        return [fault for fault in self._ordered if not fault.hits]
