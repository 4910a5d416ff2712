"""A disk on which nothing can be written, and the room that was set aside for telling of it."""

from __future__ import annotations

import os
import time

from vps.container import paths

_FULL_S, _FULL_BYTES = 2.0, 1 << 16


class Reserve:
    """Room for the last lines of the log and the record of the end. `log` is the log's descriptor."""

    def __init__(self, log: int) -> None:
        self._log = log
        self._full_since: float | None = None

    def step(self) -> bool:
        """Look at the disk; whether it has been full for too long.

        What the CLI says while nothing can be written is lost, also that it is done: the run is not worth its time then.
        """
        room = os.statvfs(paths.LOG)
        if room.f_bavail * room.f_frsize > _FULL_BYTES:
            self._full_since = None
            return False
        self._full_since = self._full_since or time.monotonic()
        return time.monotonic() - self._full_since >= _FULL_S

    def release(self) -> None:
        """Give back the room that was set aside; the last line may be torn."""
        try:
            os.unlink(paths.RESERVE)
            if self._full_since is not None:
                os.write(self._log, b"\n")
        except OSError:
            pass
