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

from vps.host import families, inbox, layout

SCRATCH = "workspace"
"""The name of the scratch workspace, which no other can have."""
_SIZING_S = 3.0
_LEAVING_S, _LOOK_S = 30.0, 0.05
_OF_CHILD = 3
_CHILDREN = os.path.basename(families.PLACE)
_TRANSFER_S = 3600.0
"""Longer than any transfer takes."""


def path(root: str, name: str) -> str:
    """Where a workspace of that name is or would be. The name was checked by whoever asks."""
    return os.path.join(root, place(name))


def place(name: str) -> str:
    """The same below the root. The tree of an agent's child, `<base>--<family>--<slug>`, lies with its family."""
    if os.sep in name or name in ("", ".", ".."):
        raise ValueError(f"not a workspace's name: {name!r}")
    if name == SCRATCH:
        return SCRATCH
    parts = name.split("--")
    is_childs = len(parts) == _OF_CHILD and parts[1].isalnum()
    return os.path.join(families.PLACE, parts[1], name) if is_childs else os.path.join("workspaces", name)


def name_of(root: str, where: str) -> tuple[str, str] | None:
    """The workspace a real path lies in, and the way from there; None for a path in none."""
    if where == os.path.realpath(os.path.join(root, SCRATCH)):
        return SCRATCH, ""
    shared = os.path.realpath(os.path.join(root, "workspaces")) + os.sep
    if not where.startswith(shared):
        return None
    relative = os.path.join("workspaces", where[len(shared) :])
    if not f"{relative}{os.sep}".startswith(families.PLACE + os.sep):
        name, _, inside = where[len(shared) :].partition(os.sep)
        return name, inside
    name, _, inside = relative[len(families.PLACE) + 1 :].partition(os.sep)[2].partition(os.sep)
    lies_there = bool(name) and relative == os.path.join(place(name), *filter(None, [inside]))
    return (name, inside) if lies_there else None


def vault_path(root: str, name: str) -> str:
    """Where the repository is that the trees of a workspace borrow from."""
    return os.path.join(root, "git", base(name) + ".git")


def base(name: str) -> str:
    """The workspace that a further tree belongs to; a workspace is its own."""
    return name.split("--", 1)[0]


def vault(root: str, name: str) -> str | None:
    """The repository a tree borrows from; None for one made by other means."""
    found = vault_path(root, name)
    return found if os.path.isdir(found) else None


def at_work(root: str) -> dict[str, list[str]]:
    """The runs that have not ended, by the name of the workspace they are somewhere in."""
    found: dict[str, list[str]] = {}
    for run in layout.open_names(root):
        record = layout.read_json(os.path.join(layout.run(root, run), "run.json")) or {}
        place = name_of(root, str(record.get("workspace", "")))
        if place is not None:
            found.setdefault(place[0], []).append(run)
    return found


def ask_to_sleep(root: str, name: str, but: str = "") -> None:
    """Have those who are done and wait for their next message in a workspace leave it, and wait until they have.

    Their next message wakes them. They share the workspace with whoever comes, one after the other, as people do.
    """
    asked = [run for run in at_work(root).get(name, []) if run != but and inbox.is_idle(root, run)]
    for run in asked:
        inbox.order(root, run, {"op": "sleep"})
    deadline = time.monotonic() + _LEAVING_S
    while asked and time.monotonic() < deadline:
        asked = [run for run in asked if layout.is_open(root, run) and inbox.turn(root, run).get("idle")]
        if asked:
            time.sleep(_LOOK_S)


@contextlib.contextmanager
def one_at_a_time(root: str) -> Generator[None, None, None]:
    """Two agents that start at once must not both find a workspace free, nor one it or its cache on the way out."""
    descriptor = os.open(os.path.join(root, "prepare.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def look(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Every workspace, the one called `name`, or the one that `path` lies in; with `sizes`, their bytes on the disk too, unless
    that takes too long.
    """
    wanted = request.get("name")
    if "path" in request:
        wanted = (name_of(root, request["path"]) or ("",))[0]
    names = _names(root) if wanted is None else [wanted]
    busy, deadline = at_work(root), time.monotonic() + (_SIZING_S if request.get("sizes") else 0)
    return {"workspaces": [_look(root, name, busy, deadline) for name in names]}


def _names(root: str) -> list[str]:
    shared = os.path.join(root, "workspaces")
    found = sorted(os.listdir(shared)) if os.path.isdir(shared) else []
    # What begins with a dot lies aside: see vps.host.claims.
    shown = [name for name in found if not name.startswith(".") and name not in (SCRATCH, _CHILDREN)]
    if _CHILDREN in found:
        shown = sorted([*shown, *_of_children(os.path.join(shared, _CHILDREN))])
    names = [name for name in shown if os.path.isdir(path(root, name)) and not os.path.islink(path(root, name))]
    return [*([SCRATCH] if os.path.isdir(path(root, SCRATCH)) else []), *names]


def _of_children(directory: str) -> list[str]:
    """Trees that lie where their names say."""
    found: list[str] = []
    for each in os.listdir(directory):
        with contextlib.suppress(OSError):
            found += [name for name in os.listdir(os.path.join(directory, each)) if name.split("--")[1:2] == [each]]
    return [name for name in found if place(name).startswith(families.PLACE)]


def _look(root: str, name: str, busy: dict[str, list[str]], deadline: float) -> dict[str, Any]:
    where = path(root, name)
    there = os.path.isdir(where) and not os.path.islink(where)
    return {
        "name": name,
        "path": where,
        "there": there,
        "vault": vault(root, name),
        "agents": busy.get(name, []),
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
