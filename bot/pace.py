"""Turns at Discord for all threads together: who waits for one has more to say in one message when it comes."""

from __future__ import annotations

import asyncio
import time

PER_SECOND = 40.0
"""Discord takes 50 requests a second of a bot (https://discord.com/developers/docs/topics/rate-limits); beyond, it refuses all of
them for a while. The rest is for people's commands."""
_BURST = 10
"""Turns that a quiet bot has at once."""


class Pace:
    """First come, first served."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._gap_s = 1 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next one."""
        now = time.monotonic()
        at = max(self._next, now - _BURST * self._gap_s)
        self._next = at + self._gap_s
        if at > now:
            await asyncio.sleep(at - now)

    @property
    def line_s(self) -> float:
        """How long who comes now would wait, seconds."""
        return max(0.0, self._next - time.monotonic())
