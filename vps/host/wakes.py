"""Wakes a run that has ended: its session goes on in another container, under its name, in its directory and its log.

What it was started with lies in its `started.json`; that becomes its place in the queue once more. What it had not taken in of its
inbox the next supervisor finds out (vps.container.waking). The record of the end before is kept as `docker-<n>.json`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import Any

from vps.host import caches, claims, families, gateway, inbox, layout, starts, workspaces
from vps.host.files import write_atomically
from vps.host.refused import Refused

MOST_LOG = (1 << 30) - (64 << 20)
"""A longer log would end the run again before it said anything: see vps.host.keeper.LOG_LIMIT."""
_RESERVE_BYTES = 32 << 10
_BOUND_S = 60.0
_MARKS = ("turn.json", "exit.json", "inbox-shut")


def why_not(root: str, name: str) -> str:
    """Why a run that has ended cannot go on; empty where it can."""
    record = layout.read_json(os.path.join(layout.run(root, name), "run.json")) or {}
    if "net" not in record or starts.ticket(root, name) is None:
        return "It never started, or an earlier version started it"
    if not os.path.isdir(os.path.join(root, "sessions", name)):
        return "Its session was removed"
    if not os.path.isdir(str(record.get("workspace", ""))):
        return f"Its workspace {record.get('workspace_name', '')} is gone"
    if os.lstat(os.path.join(layout.run(root, name), "out", "out.jsonl")).st_size > MOST_LOG:
        return "Its log is as long as a log may be"
    return ""


def wake(root: str, name: str, message: dict[str, Any]) -> None:
    """Start it again with a message (as for `inbox.say`) that it finds there; or queue it, where the host has no room or somebody
    else works in its workspace.

    One that has not ended is left as it is, and given nothing. Raises Refused where its workspace is just being made or deleted.
    """
    workspaces.ask_to_sleep(root, _workspace(root, name), but=name)
    ended = _ended(root, name)
    if ended is None:
        return
    _remove_container(str(ended.get("id") or ""))
    with workspaces.one_at_a_time(root):
        if _ended(root, name) != ended:
            return  # somebody else woke it meanwhile
        _reopen(root, name)
        # Before it starts: it would find nothing to do.
        inbox.say(root, message)
        starts.let_in(root)
    starts.launch_or_close(root, name)


def _ended(root: str, name: str) -> dict[str, Any] | None:
    """How it ended; None where it has not."""
    if layout.is_open(root, name):
        return None
    return layout.read_json(os.path.join(layout.run(root, name), "docker.json")) or {}


def _remove_container(container_id: str) -> None:
    """The keeper may not have come to that: a new one of the name could not be made, or the old one be taken for it.

    Not by the name: whoever wakes it too may have made the new one already.
    """
    if not container_id:
        return
    argv = ["docker", "rm", "--force", "--volumes", container_id]
    null = subprocess.DEVNULL
    subprocess.run(argv, stdin=null, stdout=null, stderr=null, timeout=_BOUND_S, check=False)


def _record(root: str, name: str) -> dict[str, Any]:
    return layout.read_json(os.path.join(layout.run(root, name), "run.json")) or {}


def _workspace(root: str, name: str) -> str:
    return str(_record(root, name).get("workspace_name", ""))


def _reopen(root: str, name: str) -> None:
    """From here on it waits for its turn. The step that counts is the one that takes the record of its end away."""
    directory, record = layout.run(root, name), _record(root, name)
    claims.refuse_leaving(root, record["workspace_name"])
    if not os.path.isdir(record["workspace"]):
        raise Refused("container_id", f"its workspace {record['workspace_name']} is gone", "`/spawn` starts another.")
    caches.provide(root, record["workspace"])
    families.provide(root, name)
    gateway.revoke(root, name)  # what was allowed in the moment of its end may have brought a part of that back
    gateway.admit(root, name, record["net"])
    with contextlib.suppress(OSError):  # on a full disk it goes without
        write_atomically(os.path.join(directory, "reserve"), os.urandom(_RESERVE_BYTES))
    log = os.lstat(os.path.join(directory, "out", "out.jsonl")).st_size
    starts.requeue(root, name, log)
    woken = os.path.join(directory, "woken")
    write_atomically(woken, b"")
    lives = sum(file.startswith("docker-") for file in os.listdir(directory))
    os.rename(os.path.join(directory, "docker.json"), os.path.join(directory, f"docker-{lives + 1}.json"))
    # The relay may have told of it before that: whoever looked then saw it ended.
    now = time.time_ns()
    os.utime(woken, ns=(now, now))
    _forget_end(directory)


def _forget_end(directory: str) -> None:
    """Its next supervisor does that too, but is looked at before: the keeper would take an old deadline for the new turn's."""
    for mark in _MARKS:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, "out", mark))
