"""Where the trees of an agent's children lie: in one directory, which its container has read-only from its start on.

A tree is made aside and renamed to there, so it appears in the container whole, and nothing has to be mounted later.
"""

from __future__ import annotations

import contextlib
import os

from vps.host import layout

PLACE = os.path.join("workspaces", "_children")
"""Below the root. No workspace can be called so: their names begin with a letter or a digit."""


def provide(root: str, run: str) -> str:
    """Make the directory of a run's children; its real path. To be called under `workspaces.one_at_a_time`."""
    directory = os.path.join(root, PLACE, family(run))
    os.makedirs(directory, mode=0o755, exist_ok=True)
    os.chmod(directory, 0o755)  # noqa: S103  whatever the umask: the agent looks into it
    return os.path.realpath(directory)


def family(run: str) -> str:
    """What the trees of a run's children have in their names: the end of its own."""
    return run.rsplit("-", 1)[-1]


def clear(root: str) -> None:
    """Remove the empty directories of runs that are gone. To be called under `workspaces.one_at_a_time`."""
    there = {family(name) for name in layout.names(root)}
    place = os.path.join(root, PLACE)
    for name in os.listdir(place) if os.path.isdir(place) else []:
        if name not in there:
            with contextlib.suppress(OSError):  # a tree is in it
                os.rmdir(os.path.join(place, name))
