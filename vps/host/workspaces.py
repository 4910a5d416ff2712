"""Workspaces as directories: their names, their sizes, who works in them. git is asked in containers, never here."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Generator
from typing import Any

from vps.host import layout

SCRATCH = "workspace"
"""The name of the scratch workspace, which no other can have."""
_SIZING_S = 3.0
_TRANSFER_S = 3600.0
"""Longer than any transfer takes."""


def path(root: str, name: str) -> str:
    """Where a workspace of that name is or would be. The name was checked by whoever asks."""
    if os.sep in name or name in ("", ".", ".."):
        raise ValueError(f"not a workspace's name: {name!r}")
    return os.path.join(root, SCRATCH) if name == SCRATCH else os.path.join(root, "workspaces", name)


def vault(root: str, workspace: str) -> str | None:
    """The repository a tree borrows from; None for one made by other means."""
    found = os.path.join(root, "git", os.path.basename(workspace).split("--", 1)[0] + ".git")
    return found if os.path.isdir(found) else None


def at_work(root: str) -> dict[str, list[str]]:
    """The runs that have not ended, by their workspace's path."""
    found: dict[str, list[str]] = {}
    for name in layout.open_names(root):
        record = layout.read_json(os.path.join(layout.run(root, name), "run.json")) or {}
        found.setdefault(str(record.get("workspace", "")), []).append(name)
    return found


@contextlib.contextmanager
def one_at_a_time(root: str) -> Generator[None, None, None]:
    """Two agents that start at once must not both find a workspace free, nor one its cache on the way out."""
    descriptor = os.open(os.path.join(root, "prepare.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def look(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Every workspace, or the one called `name`; with `sizes`, their bytes on the disk too, unless that takes too long."""
    wanted = request.get("name")
    names = [wanted] if wanted else _names(root)
    busy, deadline = at_work(root), time.monotonic() + (_SIZING_S if request.get("sizes") else 0)
    return {"workspaces": [_look(root, name, busy, deadline) for name in names]}


def _names(root: str) -> list[str]:
    shared = os.path.join(root, "workspaces")
    found = sorted(os.listdir(shared)) if os.path.isdir(shared) else []
    names = [name for name in found if os.path.isdir(path(root, name)) and not os.path.islink(path(root, name))]
    return [*([SCRATCH] if os.path.isdir(path(root, SCRATCH)) else []), *names]


def _look(root: str, name: str, busy: dict[str, list[str]], deadline: float) -> dict[str, Any]:
    where = path(root, name)
    there = os.path.isdir(where) and not os.path.islink(where)
    return {
        "name": name,
        "path": where,
        "there": there,
        "vault": vault(root, where),
        "agents": busy.get(os.path.realpath(where), []),
        "trees": [other for other in _names(root) if other.startswith(name + "--")],
        "size": _sized(where, deadline) if there else 0,
    }


def _sized(directory: str, deadline: float) -> int | None:
    try:
        return _size(directory, deadline)
    except RecursionError:  # an agent can nest directories as deep as it likes
        return None


def _size(directory: str, deadline: float) -> int | None:
    total = 0
    for parent, _, files in os.walk(directory):
        if time.monotonic() > deadline:
            return None
        for file in files:
            try:
                total += os.lstat(os.path.join(parent, file)).st_blocks * 512
            except OSError:
                continue
    return total


def reserve(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Make the empty directory of a workspace, or say that the name is `taken`; the vaults' directory with it."""
    for directory in ("workspaces", "git"):
        os.makedirs(os.path.join(root, directory), mode=0o755, exist_ok=True)
    where = path(root, request["name"])
    try:
        os.mkdir(where, 0o755)
    except FileExistsError:
        return {"path": where, "taken": True}
    return {"path": where, "taken": False}


def transfer(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    """A new directory that the agents' user can write in; its parent lets nobody in by another way."""
    parent = _transfers(root)
    os.makedirs(parent, mode=0o700, exist_ok=True)
    where = os.path.join(parent, secrets.token_hex(8))
    os.mkdir(where)
    os.chmod(where, 0o777)  # noqa: S103  the parent keeps all others out
    return {"path": where}


def end_transfer(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Remove it and those that nobody ended; `left` names what is not this user's to remove."""
    found = [name for name in _listed(root) if _path_of(root, name) == request["path"] or _stale(root, name)]
    for name in found:
        shutil.rmtree(_path_of(root, name), ignore_errors=True)
    return {"parent": _transfers(root), "left": [name for name in found if os.path.lexists(_path_of(root, name))]}


def sweep_transfers(root: str) -> None:
    """Remove those that nobody ended: a connection that broke leaves one, and private code in it."""
    for name in _listed(root):
        if _stale(root, name):
            shutil.rmtree(_path_of(root, name), ignore_errors=True)


def _transfers(root: str) -> str:
    return os.path.join(root, "transfer")


def _path_of(root: str, name: str) -> str:
    return os.path.join(_transfers(root), name)


def _listed(root: str) -> list[str]:
    return sorted(os.listdir(_transfers(root))) if os.path.isdir(_transfers(root)) else []


def _stale(root: str, name: str) -> bool:
    try:
        return time.time() - os.lstat(_path_of(root, name)).st_mtime > _TRANSFER_S
    except FileNotFoundError:
        return False
