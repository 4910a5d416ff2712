"""What people attach to messages: `attachments/<message id>/` of a run's directory, which its containers see read-only.

The agent reads them as another user of the VPS would, so they are open to all; the directory of all runs keeps others out.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import Any

from vps.host import layout
from vps.host.refused import Refused

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEFT_BYTES = 256 << 20


def provide(run: str) -> None:
    """Make the place of a new run's; it is mounted before there is anything in it."""
    _open(os.path.join(run, "attachments"))


def place(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Where the files of a message go, and a directory beside it for what is not whole yet. request: name, id, bytes.

    `state` is ready, missing: there is no such run; or old: an earlier version started it, and its containers would not see them.
    """
    if not layout.known(root, request["name"]):
        return {"state": "missing"}
    if not _ID.fullmatch(request["id"]):
        raise ValueError("not a message's id")
    run = layout.run(root, request["name"])
    if not os.path.isdir(os.path.join(run, "attachments")):
        return {"state": "old"}
    free = shutil.disk_usage(root).free - request["bytes"]
    if free < _LEFT_BYTES:
        raise Refused("disk", "the host has no room for these files", "Free some with `agentflow prune`.")
    directory = os.path.join(run, "attachments", request["id"])
    _open(directory)
    return {"state": "ready", "directory": directory, "aside": run}


def remove(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Remove the files of a message that was not said after all. request: name, id."""
    if layout.known(root, request["name"]) and _ID.fullmatch(request["id"]):
        shutil.rmtree(os.path.join(layout.run(root, request["name"]), "attachments", request["id"]), ignore_errors=True)
    return {}


def _open(directory: str) -> None:
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o755)  # noqa: S103  whatever the umask; see above
