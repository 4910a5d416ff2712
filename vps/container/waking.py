"""Takes up a session where the container before left it: what of the inbox its CLI had not taken in comes first."""

from __future__ import annotations

import json
import os
import re

from vps.container import paths
from vps.container.session import held

_UUID = re.compile(rb'"uuid": ?"([0-9a-f-]{36})"')
_RESERVE_BYTES = 32 << 10


def known(home: str) -> set[str] | None:
    """The messages of the inbox that the CLI took in, by uuid. None where there is no session: a new one takes them all.

    The session alone does not tell: of several that it takes at once, or during a turn, it keeps one's uuid or none (measured).
    """
    with open(paths.LIMITS, encoding="utf-8") as file:
        session_id = str(json.load(file)["hung"]["session_id"])
    given = set(_uuids(paths.INBOX, b""))
    taken = held(home, session_id, sorted(given))
    return None if taken is None else taken | (given & set(_uuids(paths.LOG, b'"isReplay":true')))


def _uuids(path: str, mark: bytes) -> list[str]:
    """Those in lines of a file that have the mark."""
    with open(path, "rb") as file:
        return [uuid.decode() for line in file if mark in line for uuid in _UUID.findall(line)]


def clear() -> None:
    """Remove the marks of the end before, and set room aside for those of the next."""
    for mark in (paths.EXIT, paths.INBOX_SHUT, paths.TURN):
        try:
            os.unlink(mark)
        except FileNotFoundError:
            pass
    try:
        with open(paths.RESERVE, "xb") as file:
            file.write(os.urandom(_RESERVE_BYTES))
    except OSError:
        pass  # it is there still, or the disk is full
