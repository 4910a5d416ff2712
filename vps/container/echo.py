"""Follows the run's own log: tells the supervisor where the CLI stands, and copies the log to `docker logs`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

_CHUNK = 1 << 18
_STDOUT = 1
_STATE = b'"subtype":"session_state_changed"'
_IDLE = b'"state":"idle"'
_RUNNING = b'"state":"running"'


class Echo:
    """The log file is the buffer: a stalled `docker logs` driver delays the copy and nothing else."""

    def __init__(self, path: str, notes: Sequence[Callable[[bytes], None]], begin: int = 0) -> None:
        """Each of `notes` is given every line from byte `begin` on."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.lseek(self._file, begin, os.SEEK_SET)
        self._torn = b""
        self._waiting = b""
        self._notes = notes
        self.idle = False
        os.set_blocking(_STDOUT, False)

    @property
    def stalled(self) -> bool:
        """Whether the copy waits for its reader."""
        return bool(self._waiting)

    def follow(self) -> None:
        """Read what is new, note the session's state, copy as much as the reader takes."""
        self._copy()
        while not self._waiting:
            chunk = os.read(self._file, _CHUNK)
            if not chunk:
                return
            *lines, self._torn = (self._torn + chunk).split(b"\n")
            for line in lines:
                self._note(line)
            self._waiting = b"".join(line + b"\n" for line in lines)
            self._copy()

    def _note(self, line: bytes) -> None:
        for note in self._notes:
            note(line)
        if _STATE in line and line.startswith(b'{"type":"system"'):
            if _IDLE in line:
                self.idle = True
            elif _RUNNING in line:
                self.idle = False

    def _copy(self) -> None:
        while self._waiting:
            try:
                self._waiting = self._waiting[os.write(_STDOUT, self._waiting) :]
            except BlockingIOError:
                return
            except OSError:
                self._waiting = b""
