"""Appends what people say to a run's inbox, each message once, and none that nobody would read any more."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Generator
from typing import Any

from vps.host import layout
from vps.host.files import open_regular
from vps.host.json_object import json_object


def say(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Append one user message. request: name, id, line (JSON of one line, whose `uuid` is the id).

    `state` is queued; known: one of that id is there, with `same` telling whether it is the very same; closing: it is about to
    end, and can be asked again when it has; ended: nobody would read it, unless it is woken (see vps.host.wakes); or missing:
    there is no such run. Nothing is appended but for queued.
    """
    if not layout.known(root, request["name"]):
        return {"state": "missing"}
    directory, line = layout.run(root, request["name"]), request["line"].encode()
    try:
        with _locked(_path(directory)) as inbox:
            there = _read(inbox)
            found = next((known for known in there.split(b"\n") if _id(known) == request["id"]), None)
            if found is not None:
                _end_line(inbox, there)
                return {"state": "known", "same": found == line}
            if _is_shut(directory):
                return {"state": "closing" if layout.is_open(root, request["name"]) else "ended"}
            _append(inbox, there, line)
    except FileNotFoundError:
        return {"state": "missing"}  # it is being pruned
    return {"state": "queued"}


def order(root: str, name: str, what: dict[str, Any]) -> bool:
    """Append an order for the supervisor (its `op` and what belongs to it); whether there is one to read it."""
    directory = layout.run(root, name)
    try:
        with _locked(_path(directory)) as inbox:
            if not _is_shut(directory):
                _append(inbox, _read(inbox), json.dumps({"type": "agentflow", **what}).encode())
                return True
    except FileNotFoundError:
        pass
    return False


def edit(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Append the order to put other words in the place of a user message, or none. request: name, id, by (a user message with an
    id of its own, or None). The files that went with the message stay with it.

    `state` is queued; known: it was ordered before, with `same` telling whether in the very same words; gone: it was taken back,
    which is for good; unknown: no message of that id was said, the task aside; taken: the run has ended, and had read it; or
    missing: there is no such run. Nothing is appended but for queued: who wakes an ended run reads its inbox from the beginning.
    """
    if not layout.known(root, request["name"]):
        return {"state": "missing"}
    directory, said, by = layout.run(root, request["name"]), request["id"], request["by"]
    try:
        with _locked(_path(directory)) as inbox:
            there = _read(inbox)
            lines = [_parsed(line) for line in there.split(b"\n") if said.encode() in line]
            before = [line["by"] for line in lines if line.get("op") == "edit" and line.get("id") == said]
            by = by and {**by, **_files(lines, said)}
            found = next((known for known in before if known and by and known["uuid"] == by["uuid"]), None)
            if found is not None or None in before:
                _end_line(inbox, there)
                return {"state": "known", "same": found == by} if found or by is None else {"state": "gone"}
            if not any(line.get("uuid") == said for line in lines) or _id(there.split(b"\n", 1)[0]) == said:
                return {"state": "unknown"}
            if _is_shut(directory) and _has_taken(directory, [said, *(known["uuid"] for known in before)]):
                return {"state": "taken"}
            order = {"type": "agentflow", "op": "edit", "id": said, "by": by}
            _append(inbox, there, json.dumps(order).encode())
    except FileNotFoundError:
        return {"state": "missing"}  # it is being pruned
    return {"state": "queued"}


def _files(lines: list[dict[str, Any]], said: str) -> dict[str, Any]:
    found = [line for line in lines if line.get("uuid") == said]
    return {key: line[key] for line in found for key in ("attached", "pictures") if key in line}


def is_idle(root: str, name: str) -> bool:
    """Whether its CLI waits for its next message, and there is none on its way to it."""
    found = turn(root, name)
    return found.get("idle") is True and found.get("read", 0) >= size(layout.run(root, name))


def turn(root: str, name: str) -> dict[str, Any]:
    """What the supervisor says of its turn: the `deadline`, whether it is `idle`, and how much of the inbox was `read`."""
    return layout.read_json(os.path.join(layout.run(root, name), "out", "turn.json")) or {}


def size(directory: str) -> int:
    """Bytes of a run's inbox."""
    try:
        return os.lstat(_path(directory)).st_size
    except OSError:
        return 0


def _path(directory: str) -> str:
    return os.path.join(directory, "in", "inbox.jsonl")


def _append(inbox: int, there: bytes, line: bytes) -> None:
    # After a torn line, which the supervisor skips, on a line of its own. Cutting it off would mislead its reader.
    torn = there and not there.endswith(b"\n")
    _write(inbox, (b"\n" if torn else b"") + line + b"\n")


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
    return _parsed(line).get("uuid")


def _parsed(line: bytes) -> dict[str, Any]:
    return json_object(line) or {}


def _end_line(inbox: int, there: bytes) -> None:
    """One that was written but for its end, on a disk that was full then, is read only with it."""
    if not there.endswith(b"\n"):
        _write(inbox, b"\n")


def _is_shut(directory: str) -> bool:
    """The marks of a life before count for nothing while the next one is on its way: it reads the inbox from the beginning."""

    def has(*marks: str) -> bool:
        return any(os.path.lexists(os.path.join(directory, mark)) for mark in marks)

    return has("docker.json") or (has("out/exit.json", "out/inbox-shut") and not has("queue.json", "start.json"))


def _has_taken(directory: str, ids: list[str]) -> bool:
    """Whether the log says that the CLI took one of these."""
    wanted = [f'"uuid":"{each}"'.encode() for each in ids]
    try:
        descriptor = open_regular(os.path.join(directory, "out", "out.jsonl"))
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as log:
        return any(b'"isReplay":true' in line and any(each in line for each in wanted) for line in log)


def _write(inbox: int, data: bytes) -> None:
    while data:
        data = data[os.write(inbox, data) :]
