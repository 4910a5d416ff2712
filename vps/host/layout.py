"""The layout below the root directory, named once for everything that runs on the host.

<root>/runs/<name>/run.json      what was asked
                   in/           mounted read-only: argv, environ, secrets, limits.json, inbox.jsonl
                   out/          mounted: out.jsonl, err.log, turn.json, exit.json, reserve, inbox-shut
                   attachments/<message id>/   what people attached, mounted read-only: see vps.host.attachments
                   reserve       with out/reserve: room for the records of the end on a disk that is full by then
                   queue.json, start.json, started.json   one of them: how far its start is; see vps.host.starts
                   docker.json   how Docker saw it end; written before the container is removed
                   woken         since when it goes on after that; docker-<n>.json is how it had ended before
<root>/sessions/<name>/          the CLI's transcripts, mounted at ~/.claude/projects
<root>/gateway/                  see vps.proxy.paths
<root>/secrets/                  what agents can be given by name: see vps.host.keyring
<root>/workspaces/<name>         people's repositories; <root>/workspace is the scratch one
<root>/workspaces/<name>--<slug> a further tree of one, for an agent that came while it was busy
<root>/workspaces/_children/<run>/<name>--<run>--<slug>   such a tree of an agent's child, `run` the end of the agent's name
<root>/git/<name>.git            the control plane's repository of a workspace: its trees borrow the objects, no agent writes there
<root>/caches/<name>             the package cache of a workspace, shared by its agents
<root>/caches/<name>--<slug>/    a tree's: upper/ and work/ of an overlay on its workspace's, or own/ alone; see vps.host.caches
<root>/claims/<name>             who makes, changes or deletes a workspace right now: see vps.host.claims
<root>/transfer/<id>             carries objects from a tree to there
<root>/lib/<digest>/             these scripts
<root>/control/{confirmations,calls}/   what several surfaces agree on: see vps.host.control
<root>/control/channels/         what a channel's agents start with: see vps.host.channels
<root>/lease.json                which bot serves this root: see vps.host.lease
<root>/audit.jsonl               who did what; audit.jsonl.1 before it
<root>/keeper.lock, keeper.log
"""

from __future__ import annotations

import os
import re
from typing import Any

from vps.host.files import read_regular
from vps.host.json_object import json_object

NAME = re.compile(r"claude-agent-\d{10,16}-[0-9a-z]{6}")
TALK = re.compile(r"talk-\d{10,16}-[0-9a-z]{6}")
"""A conversation with a person, which has no directory; see `talks`."""
LABEL_ROOT = "agentflow.root"
LABEL_RUN = "agentflow.run"


def runs(root: str) -> str:
    """The directory of all run directories."""
    return os.path.join(root, "runs")


def run(root: str, name: str) -> str:
    """One run directory. Raises ValueError for a name that is none of ours: it becomes part of a path."""
    if not NAME.fullmatch(name):
        raise ValueError(f"not an agent's name: {name!r}")
    return os.path.join(root, "runs", name)


def names(root: str) -> list[str]:
    """All runs there are directories of, oldest first."""
    try:
        found = os.listdir(runs(root))
    except FileNotFoundError:
        return []
    return sorted(name for name in found if NAME.fullmatch(name))


def known(root: str, name: str) -> bool:
    """Whether a run of that name has its directory here."""
    return bool(NAME.fullmatch(name)) and os.path.isdir(os.path.join(runs(root), name))


def open_names(root: str) -> list[str]:
    """The runs whose end nobody has written down yet."""
    return [name for name in names(root) if is_open(root, name)]


def is_open(root: str, name: str) -> bool:
    """Whether nobody has written down its end yet."""
    return not os.path.lexists(os.path.join(runs(root), name, "docker.json"))


def lives(root: str) -> dict[str, int]:
    """All runs, each with a number that is another one after it was woken, also one that has ended again since."""
    return {name: _woken_at(root, name) for name in names(root)}


def _woken_at(root: str, name: str) -> int:
    try:
        return os.lstat(os.path.join(runs(root), name, "woken")).st_mtime_ns
    except OSError:
        return 0


def boot_id() -> str:
    """Another one after every start of the machine (random(4))."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def read_json(path: str) -> dict[str, Any] | None:
    """A JSON object from a regular file, or None where there is none."""
    try:
        return json_object(read_regular(path))
    except OSError:
        return None
