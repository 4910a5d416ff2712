"""A CLI that is to leave gets time for it, and then signals."""

from __future__ import annotations

import signal
import time

from vps.container.launch import INTERRUPT, Cli

KILL_AFTER_S = 3.0
_LEAVE_S = 30.0
"""What a CLI that is done and whose stdin is closed may take to leave."""


class Leaving:
    """`grace_s` is what an interrupted turn may take to end."""

    def __init__(self, cli: Cli, grace_s: float) -> None:
        self._cli, self._grace_s = cli, grace_s
        self._leave_at: float | None = None
        self._stop_at: float | None = None
        self._signalled = 0

    @property
    def has_begun(self) -> bool:
        """Whether it was done, and has been told that nothing more comes."""
        return self._leave_at is not None

    def begin(self) -> None:
        """It is done: nothing more comes."""
        self._cli.close_stdin()
        self._leave_at = self._leave_at or time.monotonic() + _LEAVE_S

    def stop(self) -> None:
        """Interrupt the turn: the CLI then ends its tools and writes a result, which a signal would not give (measured)."""
        self._stop_at = time.monotonic()
        self._cli.give(INTERRUPT)

    def step(self) -> None:
        """Send the signal that is due, if one is."""
        now = time.monotonic()
        if self._stop_at is not None:
            self._end(now - self._stop_at - self._grace_s)
        elif self._leave_at is not None and now >= self._leave_at:
            self._signal(signal.SIGKILL if self._signalled else signal.SIGTERM)
            self._leave_at = now + KILL_AFTER_S

    def _end(self, late_s: float) -> None:
        if self._signalled == 0 and late_s >= 0:
            self._signal(signal.SIGTERM)
        elif self._signalled == signal.SIGTERM and late_s >= KILL_AFTER_S:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        self._signalled = number
        self._cli.signal(number)
