"""Since when a run has something to show that is not shown yet."""

from __future__ import annotations

import time
from collections import deque

_GRAIN_S = 1.0
_BEYOND = 1 << 62


class Backlog:
    """Marks at the log's offsets, of when they were read: one a second at most."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque()
        self._end = 0

    @property
    def end(self) -> int:
        """The offset up to which it was told what arrived."""
        return self._end

    def arrived(self, end: int) -> None:
        """The log was read up to here."""
        self._end, now = end, time.monotonic()
        if self._marks and now - self._marks[-1][1] < _GRAIN_S:
            self._marks[-1] = (max(end, self._marks[-1][0]), self._marks[-1][1])
        else:
            self._marks.append((end, now))

    def ended(self) -> None:
        """How the run ended is to be told too: no offset is the last."""
        self._marks.append((_BEYOND, time.monotonic()))

    def shown(self, until: int) -> None:
        """Everything before this offset is where people see it."""
        while self._marks and self._marks[0][0] <= until:
            self._marks.popleft()

    def __len__(self) -> int:
        """How many marks there are."""
        return len(self._marks)

    @property
    def oldest_s(self) -> float:
        """How long the oldest of it has been waiting, seconds; 0 if nothing does."""
        return time.monotonic() - self._marks[0][1] if self._marks else 0.0
