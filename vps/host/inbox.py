"""Appends what people say to a run's inbox, each message once, and none that nobody would read any more."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Generator
from typing import Any

from vps.host import layout


def say(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Append one user message. request: name, id, line (JSON of one line, whose `uuid` is the id).

    `state` is queued; known: one of that id is there, with `same` telling whether it is the very same; ended: nobody would
    read it; or missing: there is no such run. Nothing is appended but for queued.
    """
    if not layout.known(root, request["name"]):
        return {"state": "missing"}
    directory, line = layout.run(root, request["name"]), request["line"].encode()
    try:
        with _locked(os.path.join(directory, "in", "inbox.jsonl")) as inbox:
            there = _read(inbox)
            found = next((known for known in there.split(b"\n") if _id(known) == request["id"]), None)
            if found is not None:
                _end_line(inbox, there)
                return {"state": "known", "same": found == line}
            if _is_shut(directory):
                return {"state": "ended"}
            # After a torn line, which the supervisor skips, on a line of its own. Cutting it off would mislead its reader.
            torn = there and not there.endswith(b"\n")
            _write(inbox, (b"\n" if torn else b"") + line + b"\n")
    except FileNotFoundError:
        return {"state": "missing"}  # it is being pruned
    return {"state": "queued"}


@contextlib.contextmanager
def _locked(path: str) -> Generator[int, None, None]:
    """The inbox for one writer; the supervisor shuts it under the same lock (vps.container.inbox)."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _read(inbox: int) -> bytes:
    return os.pread(inbox, os.fstat(inbox).st_size, 0)


def _id(line: bytes) -> object:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message.get("uuid") if isinstance(message, dict) else None  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]  JSON


def _end_line(inbox: int, there: bytes) -> None:
    """One that was written but for its end, on a disk that was full then, is read only with it."""
    if not there.endswith(b"\n"):
        _write(inbox, b"\n")


def _is_shut(directory: str) -> bool:
    marks = ("docker.json", "out/exit.json", "out/inbox-shut")
    return any(os.path.lexists(os.path.join(directory, mark)) for mark in marks)


def _write(inbox: int, data: bytes) -> None:
    while data:
        data = data[os.write(inbox, data) :]
