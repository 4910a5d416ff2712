"""What the relay says, from any of its threads: kept until the reader takes it, so that a full pipe holds up nobody."""

from __future__ import annotations

import os
import threading

_FULL = 4 << 20
_PIECE = 1 << 18


class Output:
    """A descriptor written without blocking. `waiting` tells whether something is to be written when there is room."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending: list[bytes] = []
        self._size = 0
        self._lock = threading.Lock()
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(descriptor, False)

    @property
    def waiting(self) -> bool:
        """Whether there is something to write."""
        return self._size > 0

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing should be added that can be read later."""
        return self._size > _FULL

    def fileno(self) -> int:
        """The descriptor to poll for room."""
        return self._descriptor

    @property
    def wake(self) -> int:
        """Readable when another thread added something."""
        return self._wake

    def add(self, data: bytes) -> None:
        """Have it written behind what waits already."""
        with self._lock:
            self._pending += [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
            self._size += len(data)
        try:
            os.write(self._waker, b"\0")
        except BlockingIOError:
            pass  # it is awake already

    def write(self) -> None:
        """Write as much as there is room for. Raises BrokenPipeError when the reader has gone."""
        try:
            os.read(self._wake, 65_536)
        except BlockingIOError:
            pass
        with self._lock:
            while self._pending:
                try:
                    written = os.write(self._descriptor, self._pending[0])
                except BlockingIOError:
                    return
                self._size -= written
                rest = self._pending[0][written:]
                self._pending[:1] = [rest] if rest else []
