"""Files that something untrusted may have had a hand in: only regular ones are opened, no link is followed, nothing blocks."""

from __future__ import annotations

import os
import stat
from _thread import get_ident  # importing threading takes the supervisor 4 ms before the CLI starts


class NotRegular(OSError):
    """A link, FIFO, device or directory stands where a file should."""


def open_regular(path: str, *, directory: int | None = None) -> int:
    """A read-only descriptor. Raises NotRegular, or OSError as open(2) does."""
    # O_NONBLOCK: opening a FIFO without a writer would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegular(path)
    return descriptor


def read_regular(path: str, limit: int = 1 << 20) -> bytes:
    """The file's first `limit` bytes. Raises as `open_regular`."""
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read(limit)


def write_atomically(path: str, data: bytes, mode: int = 0o640, *, lasting: bool = True) -> None:
    """A reader sees the whole file or none, where it is `lasting` also after a power cut; of several writers the last one wins."""
    temporary = f"{path}.{os.getpid()}-{get_ident()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if lasting:
                os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
