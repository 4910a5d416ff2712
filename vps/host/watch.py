"""inotify(7) through the C library, since the standard library has no binding."""

from __future__ import annotations

import ctypes
import os

IN_MODIFY = 0x2
IN_CLOSE_WRITE = 0x8
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE_SELF = 0x400

_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC


class Watch:
    """Readable whenever something watched has changed; callers look for themselves what is new."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(_NONBLOCK_CLOEXEC)
        if self._fd < 0:
            # The user's limit of instances is reached: this one never tells anything, and `add` says so.
            self._fd, _ = os.pipe2(_NONBLOCK_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._fd

    def add(self, path: str, mask: int) -> int:
        """Watch one more path; its watch descriptor. Raises OSError."""
        found: int = self._libc.inotify_add_watch(self._fd, os.fsencode(path), mask)
        if found < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
        return found

    def remove(self, descriptor: int) -> None:
        """Stop watching; a descriptor that is gone already is no error."""
        self._libc.inotify_rm_watch(self._fd, descriptor)

    def drain(self) -> bytes:
        """The raw events since last time (struct inotify_event, inotify(7))."""
        try:
            return os.read(self._fd, 65_536)
        except BlockingIOError:
            return b""
