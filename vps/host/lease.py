"""Which bot serves this root directory: one at a time.

<root>/lease.json has its holder, session and label, since when it has it (epoch seconds), and until when, in seconds since the
start of this machine (`boot`), which no change of the clock moves. The file is the lock too, and is written in place: a full
disk keeps nobody from renewing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Generator
from typing import Any

LEASE_S = 30.0
_ROOM = 1024
"""Bytes of the file, whatever is in it."""
_LABEL = 200


def take(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Take or renew the lease, unless another has it. request: holder, session, label, starts.

    Who `starts` takes over from an earlier session of the same holder: that was killed, or is a copy. The answer's `taken` tells
    whether it was given; `label`, `since` and `left_s` are of whoever has it now.
    """
    with _opened(root) as file:
        found, now = _valid(file), time.monotonic()
        ours = found is not None and found["holder"] == request["holder"]
        same = found is not None and ours and found["session"] == request["session"]
        if found is not None and not same and not (ours and request["starts"]):
            return {"taken": False, **_told(found, now)}
        since = found["since"] if found is not None and same else time.time()
        mine = {"holder": request["holder"], "session": request["session"], "label": request["label"][:_LABEL]}
        lease = {**mine, "since": since, "until": now + LEASE_S, "boot": _boot()}
        _write(file, lease)
        return {"taken": True, **_told(lease, now)}


def release(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Give it back, if it is this session's. request: session."""
    with _opened(root) as file:
        found = _valid(file)
        if found is not None and found["session"] == request["session"]:
            _write(file, {})
    return {}


def _told(lease: dict[str, Any], now: float) -> dict[str, Any]:
    return {"label": lease["label"], "since": lease["since"], "left_s": lease["until"] - now}


@contextlib.contextmanager
def _opened(root: str) -> Generator[int, None, None]:
    path = os.path.join(root, "lease.json")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _valid(file: int) -> dict[str, Any] | None:
    """The lease, unless it has run out or is none."""
    try:
        lease = json.loads(os.pread(file, _ROOM, 0))
        left = lease["until"] - time.monotonic()
        return lease if lease["boot"] == _boot() and 0 < left <= LEASE_S else None
    except (ValueError, KeyError, TypeError):
        return None


def _write(file: int, lease: dict[str, Any]) -> None:
    os.pwrite(file, json.dumps(lease).encode().ljust(_ROOM), 0)


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
