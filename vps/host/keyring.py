"""Secrets that agents can be given by name, as variables of their environment.

<root>/secrets/<NAME>         one value; the directory and what is in it are the SSH user's alone
<root>/runs/<name>/in/secrets what a run was given: NAME=VALUE words, which the supervisor reads and the agent's user may not
"""

from __future__ import annotations

import os
import re
from typing import Any

from vps.host import layout
from vps.host.files import read_regular, write_atomically
from vps.host.refused import Refused

LONGEST = 16 << 10
"""Bytes of a value: all of them stand in one environment (execve(2))."""
MOST = 64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def names(root: str) -> list[str]:
    """Those there are."""
    try:
        return sorted(name for name in os.listdir(_directory(root)) if _NAME.fullmatch(name))
    except FileNotFoundError:
        return []


def stamp(root: str) -> str:
    """Another one after every change."""
    try:
        return str(os.stat(_directory(root)).st_mtime_ns)
    except FileNotFoundError:
        return ""


def listed(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    """Their names and when each was set, epoch seconds; no value."""
    return {"secrets": [{"name": name, "set_at": os.stat(_place(root, name)).st_mtime} for name in names(root)]}


def put(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Set one. request: name, value. `replaced` tells whether there was one of that name."""
    there, name = names(root), request["name"]
    if name not in there and len(there) >= MOST:
        raise Refused("name", f"there are {MOST} secrets already", "Remove one that is not used any more.")
    os.makedirs(_directory(root), mode=0o700, exist_ok=True)
    write_atomically(_place(root, name), request["value"].encode(), 0o600)
    return {"replaced": name in there}


def remove(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Remove one; runs that were given it keep it. request: name."""
    _require(root, "name", [request["name"]])
    os.unlink(_place(root, request["name"]))
    return {}


def values(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    """Every value there is, or that a run was given, for the control plane to mask; and the `stamp` they have."""
    at = stamp(root)
    found = [_read(root, name) for name in names(root)]
    for run in layout.names(root):
        found += [word.partition("=")[2] for word in _given(root, run)]
    return {"values": sorted(set(found)), "stamp": at}


def granted(root: str, wanted: list[str]) -> list[str]:
    """NAME=VALUE words of those. Raises Refused where one is not there."""
    _require(root, "secrets", wanted)
    return [f"{name}={_read(root, name)}" for name in wanted]


def _given(root: str, run: str) -> list[str]:
    try:
        data = read_regular(os.path.join(layout.run(root, run), "in", "secrets"), MOST * (LONGEST + 200))
    except OSError:
        return []
    return data.decode().split("\0")[:-1]


def _require(root: str, field: str, wanted: list[str]) -> None:
    there = names(root)
    missing = [name for name in wanted if name not in there]
    if missing:
        has = f"There are {', '.join(there)}." if there else "There is none yet."
        what = f"there is no secret {', '.join(missing)}"
        raise Refused(field, what, f"{has} `secret set` makes one.")


def _read(root: str, name: str) -> str:
    return read_regular(_place(root, name), LONGEST).decode()


def _place(root: str, name: str) -> str:
    """Raises ValueError for what is no name: it becomes part of a path."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a secret's name: {name[:80]!r}")
    return os.path.join(_directory(root), name)


def _directory(root: str) -> str:
    return os.path.join(root, "secrets")
