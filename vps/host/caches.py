"""Package caches: each workspace has one, its further trees read it, and what a tree adds stays the tree's own.

Trust goes the way it goes in git: from a workspace to its trees, never from a tree to anything, never between workspaces.
"""

from __future__ import annotations

import os
import secrets

from vps.host import prune, workspaces

MAX_BYTES = 10 << 30
_RETIRED = ".gone-"


def provide(root: str, workspace: str) -> dict[str, str | None]:
    """Make the cache of the workspace or tree at a real path: `own`, and for a tree the `lower`, `upper` and `work` of an overlay.

    To be called under `workspaces.one_at_a_time`, before the run is on record.
    """
    name, whole = _owner(root, workspace)
    os.makedirs(_caches(root), mode=0o700, exist_ok=True)
    own, lower = _writable(_path(root, name)), _path(root, workspaces.base(name))
    if name == workspaces.base(name):
        return {"own": own, "lower": None, "upper": None, "work": None}
    # Two mounts of one overlay would spoil each other, so a directory inside a tree has none; a backslash would need escaping.
    layered = whole and bool(workspaces.base(name)) and os.path.isdir(lower) and "\\" not in lower
    parts = {part: _writable(os.path.join(own, part)) for part in ("own", "upper", "work")}
    return {**parts, "lower": _writable(lower) if layered else None}


def _owner(root: str, workspace: str) -> tuple[str, bool]:
    """Whose cache it is, and whether the path is that workspace or tree itself, not a directory inside it."""
    name, inside = workspaces.name_of(root, workspace) or (workspaces.SCRATCH, "")
    return name, not inside


def _caches(root: str) -> str:
    return os.path.join(root, "caches")


def _path(root: str, name: str) -> str:
    return os.path.join(_caches(root), name)


def _writable(directory: str) -> str:
    """Any uid may write here, since the SSH user may not be able to give it to uid 1001. Its time says when it was used last."""
    if not os.path.isdir(directory):
        os.mkdir(directory)
        os.chmod(directory, 0o777)  # noqa: S103  the parent keeps all others out
    os.utime(directory)
    return directory


def retire(root: str, name: str, owner: str = "") -> str | None:
    """Take a cache out of use; `trim` removes it, or whoever took it. Where it is then; None if there was none."""
    gone = _path(root, _RETIRED + (owner or secrets.token_hex(8)))
    try:
        os.rename(_path(root, name), gone)
    except FileNotFoundError:
        return None
    return gone


def trim(root: str, max_bytes: int = MAX_BYTES) -> list[str]:
    """Remove caches without a workspace, then those unused the longest until the rest holds `max_bytes`; none that is in use.

    The names of the workspaces and trees they belonged to.
    """
    found = [name for name in _listed(root) if not name.startswith(_RETIRED)]
    found.sort(key=lambda name: os.lstat(_path(root, name)).st_mtime)
    sizes = prune.sizes(_caches(root), found)
    total, gone = sum(sizes.values()), list[str]()
    for name in found:
        orphaned = not os.path.isdir(workspaces.path(root, name))
        if (orphaned or total > max_bytes) and _retired_unless_used(root, name):
            total -= sizes.get(name, 0)
            gone.append(name)
    prune.remove([_path(root, name) for name in stuck(root)])
    return gone


def _retired_unless_used(root: str, name: str) -> bool:
    with workspaces.one_at_a_time(root):
        used = set(workspaces.at_work(root))
        # A tree's agent reads the workspace's cache below its own.
        if name in used | {workspaces.base(each) for each in used}:
            return False
        retire(root, name)
    return True


def stuck(root: str) -> list[str]:
    """What was taken out of use and is still there: an SSH user other than root may not remove what an agent wrote."""
    return [name for name in _listed(root) if name.startswith(_RETIRED)]


def _listed(root: str) -> list[str]:
    return sorted(os.listdir(_caches(root))) if os.path.isdir(_caches(root)) else []
