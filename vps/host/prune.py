"""Old runs go, by age and by size. Only runs that ended are looked at; workspaces are never touched."""

from __future__ import annotations

import os
import shutil
import time

from vps.host import layout

MAX_AGE_S = 30 * 86_400.0
MAX_BYTES = 5 << 30
_UNFINISHED_S = 3600.0


def prune(root: str, max_age_s: float = MAX_AGE_S, max_bytes: int = MAX_BYTES) -> list[str]:
    """Remove ended runs older than `max_age_s`, then the oldest until the rest holds `max_bytes`. Returns their names."""
    still_open = set(layout.open_names(root))
    ended = [name for name in layout.names(root) if name not in still_open]
    sizes = {name: size(layout.run(root, name)) + size(_transcripts(root, name)) for name in ended}
    total, now, gone = sum(sizes.values()), time.time(), list[str]()
    for name in ended:
        if now - _ended_at(root, name) > max_age_s or total > max_bytes:
            total -= sizes[name]
            discard(root, name)
            gone.append(name)
    _remove_unfinished(root, now)
    return gone


def _remove_unfinished(root: str, now: float) -> None:
    """Run directories whose making broke off, by a reboot for one."""
    for name in os.listdir(layout.runs(root)) if os.path.isdir(layout.runs(root)) else []:
        directory = os.path.join(layout.runs(root), name)
        if name.endswith(".new") and now - os.lstat(directory).st_mtime > _UNFINISHED_S:
            shutil.rmtree(directory, ignore_errors=True)


def _transcripts(root: str, name: str) -> str:
    return os.path.join(root, "sessions", name)


def discard(root: str, name: str) -> None:
    """Remove a run's directory and its transcripts."""
    shutil.rmtree(layout.run(root, name), ignore_errors=True)
    shutil.rmtree(_transcripts(root, name), ignore_errors=True)


def stuck(root: str) -> list[str]:
    """Transcripts of runs that are gone: an SSH user other than root may not remove what an agent wrote."""
    sessions = os.path.join(root, "sessions")
    names = os.listdir(sessions) if os.path.isdir(sessions) else []
    # One that is being prepared has `.new` behind its name still.
    return sorted(set(names) - {name.removesuffix(".new") for name in os.listdir(layout.runs(root))})


def size(directory: str) -> int:
    """Bytes of the files below a directory; links are not followed."""
    total = 0
    for parent, _, files in os.walk(directory):
        for file in files:
            try:
                total += os.lstat(os.path.join(parent, file)).st_size
            except FileNotFoundError:
                continue
    return total


def _ended_at(root: str, name: str) -> float:
    return os.lstat(os.path.join(layout.run(root, name), "docker.json")).st_mtime
