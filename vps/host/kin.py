"""Agents that other agents started, as their records tell."""

from __future__ import annotations

import os
from typing import Any

from vps.host import layout


def is_orphan(root: str, name: str) -> bool:
    """Whether a run is a child that was to end with its parent, and that has ended.

    One that a person woke after that goes on: nobody else could have.
    """
    record = layout.read_json(os.path.join(layout.run(root, name), "run.json")) or {}
    kin: dict[str, Any] = record.get("kin") or {}
    parent = str(kin.get("parent", ""))
    if not parent or kin.get("outlive"):
        return False
    if not layout.known(root, parent):
        return not _changed(root, name, "woken")
    return not layout.is_open(root, parent) and _changed(root, name, "woken") <= _changed(root, parent, "docker.json")


def _changed(root: str, name: str, file: str) -> int:
    """When a file of a run's was written, ns; 0 where there is none."""
    try:
        return os.lstat(os.path.join(layout.run(root, name), file)).st_mtime_ns
    except OSError:
        return 0
