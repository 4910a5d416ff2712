"""Whether the CLI still lives, by what it writes and by the CPU and disk that it and its tools use."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from vps.container.processes import TICKS_S, family

_LONGEST_STEP_S = 2.0
"""More time than this between two looks was not ours: the container was paused, or the host slept."""
_WAITING_SHARE = 0.02
"""Of one CPU: more than a CLI uses that only waits, less than one that reads an answer as it is streamed. Measured with
2.1.197: 0.5 % while the API says nothing, 1.5 % beside a tool that sleeps; 3 % at 5 deltas a second, 10 % at 20."""
_MARKS = (b'"api_retry"', b'"mcp__', b'"session_state_changed"', b'"subtype":"init"')


class Pulse:
    """Follows the log's lines and its size. Time counts only while this process runs itself.

    limits: `silent_s` without a byte are past all of the CLI's own limits, or `mcp_s` while a tool of an MCP server runs;
    `calm_s` is how long nothing may have worked on a CPU or waited for a disk besides. A wait that the CLI announced is
    added, and waiting for a person does not count at all.
    """

    def __init__(self, log: int, limits: dict[str, Any]) -> None:
        self._log = log
        self._silent_s, self._mcp_s = float(limits["silent_s"]), float(limits["mcp_s"])
        self._calm_s = float(limits["calm_s"])
        self.spoke = False
        """Whether the CLI began a turn since `begin`."""
        self._calls: set[str] = set()
        self._person = False
        self.begin()

    def begin(self) -> None:
        """A new life: nothing of the one before counts."""
        self.silence_s = self.calm = 0.0
        self.spoke = False
        self._looked, self._size, self._ticks = time.monotonic(), -1, -1
        self._wait_s = 0.0
        self._calls.clear()
        self._person = False

    def note(self, line: bytes) -> None:
        """What a line of the log says about the silence that may follow it."""
        self._wait_s = 0.0
        if any(mark in line for mark in _MARKS) or (self._calls and b'"tool_result"' in line):
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError, AttributeError, KeyError):
                pass  # no line of the CLI's

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["type"], event.get("subtype")
        if kind == ("system", "api_retry"):
            self._wait_s = float(event["retry_delay_ms"]) / 1000
        elif kind == ("system", "session_state_changed"):
            self._person = event["state"] == "requires_action"
        elif kind == ("system", "init"):
            self.spoke = True
            self._calls.clear()
        else:
            self._count_calls(event)

    def _count_calls(self, event: dict[str, Any]) -> None:
        for block in event["message"]["content"]:
            if block["type"] == "tool_use" and block["name"].startswith("mcp__"):
                self._calls.add(block["id"])
            elif block["type"] == "tool_result":
                self._calls.discard(block["tool_use_id"])

    def stopped(self, pid: int) -> bool:
        """Whether nothing of the process `pid` and those below it has lived for as long as the limits say."""
        now, size = time.monotonic(), os.fstat(self._log).st_size
        passed, self._looked = min(now - self._looked, _LONGEST_STEP_S), now
        if size != self._size or self._person:
            self._size, self.silence_s, self.calm = size, 0.0, 0.0
            return False
        self.silence_s += passed
        limit = (self._mcp_s if self._calls else self._silent_s) + self._wait_s
        if self.silence_s < limit - self._calm_s:
            return False
        self._feel(pid, passed)
        return self.silence_s >= limit and self.calm >= self._calm_s

    def _feel(self, pid: int, passed: float) -> None:
        processes = family(pid).values()
        ticks = sum(process.ticks for process in processes)
        # A disk that takes its time is no fault of the CLI's; another CLI would wait for it too.
        on_disk = any(process.on_disk for process in processes)
        # Fewer than before: some were adopted by another process, so something was done.
        if self.calm and not on_disk and 0 <= ticks - self._ticks <= _WAITING_SHARE * TICKS_S * self._calm_s:
            self.calm += passed
        else:
            self._ticks, self.calm = ticks, max(passed, 1e-3)

    def seen(self, pid: int) -> str:
        """What the judgement rests on, for people."""
        names = sorted({process.name for process in family(pid).values()})
        return f"no output for {self.silence_s:.0f} s, no work on a CPU or disk for {self.calm:.0f} s by {', '.join(names)}"
