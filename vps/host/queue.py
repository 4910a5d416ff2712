"""Who waits to be started, in order; and who of them lets others pass, because somebody else works in its workspace still."""

from __future__ import annotations

import os
import time
from typing import Any

from vps.host import layout, workspaces

WAITING = "queue.json"
Queue = list[tuple[str, dict[str, Any]]]


def read(root: str) -> Queue:
    """Names and tickets, the next one first.

    The numbers are given under the lock: control planes' clocks, in the names, may differ.
    """
    names = [name for name in layout.open_names(root) if os.path.lexists(path(root, name))]
    found = [(name, layout.read_json(path(root, name))) for name in names]
    return sorted(((name, ticket) for name, ticket in found if ticket), key=lambda each: each[1]["number"])


def path(root: str, name: str) -> str:
    """Where a run's ticket lies while it waits."""
    return os.path.join(layout.run(root, name), WAITING)


def behind(queue: Queue) -> int:
    """A number behind all that wait, and behind those let in before, who may come back while the engine is away."""
    return max(round(time.time() * 1000), queue[-1][1]["number"] + 1 if queue else 0)


def held_up(root: str, queue: Queue) -> dict[str, str]:
    """Those that were woken while somebody else has their workspace, who started in it or waits before them; and who that is.

    A run that starts first of all has taken its workspace before it waits (vps.host.claims): nobody can be in its way.
    """
    if not any("log" in ticket for _, ticket in queue):
        return {}
    before = [name for name, _ in queue]
    found: dict[str, str] = {}
    for runs in workspaces.at_work(root).values():
        order = sorted(runs, key=lambda name: before.index(name) if name in before else -1)
        found.update((name, order[0]) for name in order[1:] if name in before)
    return found


def movable(root: str, queue: Queue) -> Queue:
    """Those for whom only the host's room counts."""
    held = held_up(root, queue)
    return [(name, ticket) for name, ticket in queue if name not in held]
