"""Tells a run what became of its requests: lines of a file in its container, which its supervisor copies into the log."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

from vps.proxy import paths

_MOST_HOSTS = 100
"""Different denied hosts that one run is told of."""
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")


def file_of(run: str) -> str:
    """Where a run's notices stand."""
    return os.path.join(paths.RUNS, run, "notices.jsonl")


def tell(run: str, kind: str, **fields: Any) -> None:
    """Append one; a run that is gone needs none."""
    line = json.dumps({"kind": kind, "at": round(time.time(), 3), **fields}) + "\n"
    try:
        # O_CREAT is left out: the file is made with the directory, and goes with it.
        descriptor = os.open(file_of(run), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(line.encode())


def is_paused(run: str) -> bool:
    """Whether the last it heard of its requests is that they wait."""
    try:
        with open(file_of(run), encoding="utf-8") as file:
            kinds = [kind for line in file if (kind := json.loads(line)["kind"]) in ("paused", "unpaused")]
    except (OSError, ValueError):
        return False
    return bool(kinds) and kinds[-1] == "paused"


class Denials:
    """Tells each run of each host it was denied, once."""

    def __init__(self) -> None:
        self._told: dict[str, set[str]] = {}

    def note(self, line: bytes) -> None:
        """A line of the egress log."""
        try:
            found = json.loads(line)
            run, to, why = str(found["run"]), str(found["to"]), str(found["why"])
        except (ValueError, KeyError, TypeError):
            return
        inward = why.startswith("rbac_access_denied")
        if not (inward or why == "direct_response"):
            return  # the host's own answer
        self._tell(run, host_of(to, str(found.get("method"))), inward=inward)

    def _tell(self, run: str, host: str, *, inward: bool) -> None:
        told = self._told.setdefault(run, set())
        if host in told or len(told) > _MOST_HOSTS:
            return
        told.add(host)
        if len(told) > _MOST_HOSTS:
            tell(run, "denied_more")
        else:
            tell(run, "denied", host=host, inward=inward)


def host_of(to: str, method: str) -> str:
    """The host as it would be allowed: a port that is not the scheme's own stays. Agents choose it: only signs of hosts pass."""
    shown = to if _HOST.fullmatch(to) else "".join(sign if _HOST.fullmatch(sign) else "?" for sign in to[:255])
    if method == "CONNECT":
        return shown.removesuffix(":443").lower()
    return (shown if ":" in shown else f"{shown}:80").lower()
