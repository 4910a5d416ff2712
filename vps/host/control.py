"""What several surfaces have to agree on: calls that wait for a person's yes, and calls that were seen already.

<root>/control/confirmations/<sha256 of the code>.json   one call that may be done once a person says so
<root>/control/calls/<key>.json                          one call of an id, with its output when it has ended

Every change is made under one lock and by a rename, so of several control planes at once each sees whole ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Generator
from typing import Any

from vps.host import layout
from vps.host.files import write_atomically

CONFIRMABLE_S = 600.0
CALLS_KEPT_S = 86_400.0
_CONFIRMATIONS_KEPT_S = 3600.0
"""What expired or was used is told apart from what never was, for a while."""
_SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"
_KEY = re.compile(r"[0-9a-f]{64}")
_BINDING = ("caller", "tool", "arguments", "question")
"""The question too: it tells what would be lost, and a yes to less is no yes to more."""


def ask(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Use up the yes there is to this very call, or give the code by which a person can say it.

    request: caller, tool, arguments (a digest), right, question. The answer's `code` is empty where there was a yes.
    """
    with locked(root, "confirmations") as directory:
        _drop(directory, _CONFIRMATIONS_KEPT_S)
        for path, found in _records(directory):
            if found["until"] > time.time() and all(found[name] == request[name] for name in _BINDING):
                if found["state"] == "agreed":
                    _write(path, {**found, "state": "used"})
                    return {"code": ""}
                if found["state"] == "open":
                    return {"code": found["code"]}
        code = "-".join("".join(secrets.choice(_SIGNS) for _ in range(5)) for _ in range(2))
        kept = {name: request[name] for name in (*_BINDING, "right")}
        _write(_place(directory, code), {**kept, "code": code, "state": "open", "until": time.time() + CONFIRMABLE_S})
        return {"code": code}


def waiting(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """What the call of `code` is, and its `state`: open, agreed, used, expired, or unknown."""
    with locked(root, "confirmations") as directory:
        return _stands(layout.read_json(_place(directory, request["code"])))


def agree(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Say yes for `by`. The answer is how the call stood before: only an `open` one was agreed to."""
    with locked(root, "confirmations") as directory:
        path = _place(directory, request["code"])
        found = _stands(layout.read_json(path))
        if found["state"] == "open":
            _write(path, {**found, "state": "agreed", "by": request["by"], "until": time.time() + CONFIRMABLE_S})
        return found


def _stands(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        return {"state": "unknown"}
    late = found["state"] == "open" and found["until"] <= time.time()
    return {**found, "state": "expired"} if late else found


def claim(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Claim the id of a call for at most `bound_s`, or tell how the call stands that has it.

    request: key, call (a digest of tool and arguments), bound_s. `state` is claimed, running, done (with its `output`),
    or open: nobody knows whether it was done. `same` tells whether it was the same call.
    """
    with locked(root, "calls") as directory:
        _drop(directory, CALLS_KEPT_S)
        path = _call(directory, request["key"])
        found, now = layout.read_json(path), time.time()
        if found is None and os.path.lexists(path):
            return {"state": "open", "same": True}  # unreadable: running it again would be a guess
        if found is None:
            _write(path, {"call": request["call"], "state": "running", "until": now + request["bound_s"]})
            return {"state": "claimed", "same": True}
        dead = found["state"] == "running" and found["until"] <= now
        same = found["call"] == request["call"]
        return {"state": "open" if dead else found["state"], "same": same, "output": found.get("output")}


def settle(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """How a claimed call ended. request: key, state: done (with `output`), open, or failed, which gives the id back."""
    with locked(root, "calls") as directory:
        path = _call(directory, request["key"])
        found = layout.read_json(path)
        if found is None:
            return {}
        if request["state"] == "failed":
            os.unlink(path)
        else:
            _write(path, {**found, "state": request["state"], "output": request.get("output")})
    return {}


@contextlib.contextmanager
def locked(root: str, name: str) -> Generator[str, None, None]:
    """A directory below <root>/control, which nobody else changes meanwhile."""
    directory = os.path.join(root, "control", name)
    os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    descriptor = os.open(directory + ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield directory
    finally:
        os.close(descriptor)


def _place(directory: str, code: str) -> str:
    """Where a code's record is. Hashed: what somebody types must not become part of a path."""
    return os.path.join(directory, hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest() + ".json")


def _call(directory: str, key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a call's key: {key[:80]!r}")
    return os.path.join(directory, key + ".json")


def _records(directory: str) -> list[tuple[str, dict[str, Any]]]:
    paths = [os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".json")]
    found = [(path, layout.read_json(path)) for path in paths]
    return [(path, record) for path, record in found if record is not None]


def _drop(directory: str, kept_s: float) -> None:
    oldest = time.time() - kept_s
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.path)


def _write(path: str, record: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(record).encode(), 0o600)
