"""Time that is nobody's: while it lasts, for whatever reason, no deadline counts."""

from __future__ import annotations

import time


class Standstill:
    """Reasons that come and go, each by a name."""

    def __init__(self) -> None:
        self._reasons: set[str] = set()
        self._since = 0.0

    @property
    def is_on(self) -> bool:
        """Whether time stands still."""
        return bool(self._reasons)

    def set(self, reason: str, *, on: bool) -> float:
        """A reason holds from now on, or no more; the seconds that a standstill took which ends with it."""
        if on:
            self._since = self._since if self._reasons else time.monotonic()
            self._reasons.add(reason)
            return 0.0
        was_on = self.is_on
        self._reasons.discard(reason)
        return time.monotonic() - self._since if was_on and not self.is_on else 0.0
