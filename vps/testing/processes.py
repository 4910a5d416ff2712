"""Processes by pid, told apart from a later one of the same number by their start time (proc(5))."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A pid and its start time in clock ticks since boot: together they never name another process."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it runs; a zombie counts as ended."""
        found = _stat(self.pid)
        return found is not None and found.started == self.started and found.state not in "ZX"

    def send(self, number: signal.Signals) -> None:
        """Signal it, if it is still the same process."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def ended(self, timeout: float) -> bool:
        """Wait for its end, at most `timeout` seconds; whether it came."""
        deadline = asyncio.get_running_loop().time() + timeout
        while self.alive:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_TICK_SECONDS)
        return True


def identify(pid: int) -> ProcessId | None:
    """The process that has this pid now."""
    found = _stat(pid)
    return None if found is None else ProcessId(pid, found.started)


def program_name(pid: int) -> str:
    """The name of the program that runs under the pid (at most 15 characters), "" for none."""
    try:
        return (_PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def children_of(parent: int) -> list[ProcessId]:
    """The direct children of a process."""
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    found = ((pid, _stat(pid)) for pid in pids)
    return [ProcessId(pid, stat.started) for pid, stat in found if stat is not None and stat.parent == parent]


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    parent: int
    started: int


def _stat(pid: int) -> _Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name in front of them may hold spaces and brackets
    return _Stat(state=fields[0], parent=int(fields[1]), started=int(fields[19]))
