"""The record of who did what: one JSON line a call, append-only, on the host, so that every control plane writes the same one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from typing import Any

from vps.host.files import open_regular

ROTATE_BYTES = 8 << 20
_TAIL_BYTES = 4 << 20


def _path(root: str) -> str:
    return os.path.join(root, "audit.jsonl")


def note(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Append one line in one write; a file that grew to 8 MiB becomes `audit.jsonl.1` first."""
    os.makedirs(root, mode=0o750, exist_ok=True)
    line = json.dumps(request["line"], ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    descriptor = _locked(_path(root))
    try:
        size = os.fstat(descriptor).st_size
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, size)  # the next line must not continue this one
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
    return {}


def _locked(path: str) -> int:
    """The file to append to. Of two that find it too large one moves it away, and the other sees that it moved."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(path, descriptor):
            if os.fstat(descriptor).st_size <= ROTATE_BYTES:
                return descriptor
            os.replace(path, path + ".1")
        os.close(descriptor)


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.lstat(path).st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def read(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """The last `lines` lines, oldest first, that have each of `wanted`'s fields as given."""
    found: list[dict[str, Any]] = []
    for line in _tail(root).splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # a tail begins inside a line
        if all(entry.get(name) == value for name, value in request["wanted"].items()):
            found.append(entry)
    return {"lines": found[-int(request["lines"]) :]}


def _tail(root: str) -> bytes:
    data = b""
    for path in (_path(root) + ".1", _path(root)):
        try:
            descriptor = open_regular(path)
        except OSError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            file.seek(max(0, os.fstat(descriptor).st_size - _TAIL_BYTES))
            data += file.read(_TAIL_BYTES)
    return data
