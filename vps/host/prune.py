"""Old runs go, by age and by size. Only runs that ended are looked at; workspaces are never touched."""

from __future__ import annotations

import os
import subprocess
import time

from vps.host import families, gateway, layout, workspaces

MAX_AGE_S = 30 * 86_400.0
MAX_BYTES = 5 << 30
_UNFINISHED_S = 3600.0
_GONE = ".gone"


def prune(root: str, max_age_s: float = MAX_AGE_S, max_bytes: int = MAX_BYTES) -> list[str]:
    """Remove ended runs older than `max_age_s`, then the oldest until the rest holds `max_bytes`. Returns their names."""
    still_open = set(layout.open_names(root))
    ended = [name for name in layout.names(root) if name not in still_open]
    records, transcripts = sizes(layout.runs(root), ended), sizes(_transcripts(root), ended)
    held = {name: records.get(name, 0) + transcripts.get(name, 0) for name in ended}
    total, now, gone = sum(held.values()), time.time(), list[str]()
    for name in ended:
        if (_age_s(root, name, now) > max_age_s or total > max_bytes) and _retired(root, name):
            total -= held[name]
            remove([layout.run(root, name) + _GONE, os.path.join(_transcripts(root), name), gateway.place(root, name)])
            gone.append(name)
    _remove_unfinished(root, now)
    with workspaces.one_at_a_time(root):
        families.clear(root)
    return gone


def _remove_unfinished(root: str, now: float) -> None:
    """Run directories whose making or removal broke off, by a reboot for one."""
    for name in os.listdir(layout.runs(root)) if os.path.isdir(layout.runs(root)) else []:
        directory = os.path.join(layout.runs(root), name)
        if name.endswith((".new", _GONE)) and now - os.lstat(directory).st_mtime > _UNFINISHED_S:
            remove([directory])


def _transcripts(root: str) -> str:
    return os.path.join(root, "sessions")


def discard(root: str, name: str) -> None:
    """Remove a run's directory and its transcripts."""
    gateway.revoke(root, name)
    remove([layout.run(root, name), os.path.join(_transcripts(root), name), gateway.place(root, name)])


def stuck(root: str) -> list[str]:
    """Transcripts of runs that are gone: an SSH user other than root may not remove what an agent wrote."""
    sessions = _transcripts(root)
    names = os.listdir(sessions) if os.path.isdir(sessions) else []
    # One that is being prepared has `.new` behind its name still.
    return sorted(set(names) - {name.removesuffix(".new") for name in os.listdir(layout.runs(root))})


def sizes(directory: str, names: list[str]) -> dict[str, int]:
    """Bytes on the disk of those of the names that are in a directory.

    By du(1), as the removal is by rm(1): Python's own walks fail at a depth that an agent can make.
    """
    if not names or not os.path.isdir(directory):
        return {}
    argv = ["du", "--summarize", "--block-size=1", "--null", "--", *names]
    done = subprocess.run(argv, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    rows = [row.split("\t", 1) for row in os.fsdecode(done.stdout).split("\0") if row]
    return {name: int(size) for size, name in rows}


def remove(paths: list[str]) -> None:
    """Remove with all below, as far as the user may."""
    subprocess.run(["rm", "-rf", "--", *paths], stderr=subprocess.DEVNULL, check=False)


def _age_s(root: str, name: str, now: float) -> float:
    """Since its end; 0 where it was woken meanwhile, or is gone."""
    try:
        return now - os.lstat(os.path.join(layout.run(root, name), "docker.json")).st_mtime
    except FileNotFoundError:
        return 0.0


def _retired(root: str, name: str) -> bool:
    """Take a run away from under its name, unless it was woken: nobody can wake it while it is being removed."""
    with workspaces.one_at_a_time(root):
        if layout.is_open(root, name):
            return False
        gateway.revoke(root, name)
        os.rename(layout.run(root, name), layout.run(root, name) + _GONE)
    return True
