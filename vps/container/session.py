"""The CLI's own record of its session: `~/.claude/projects/<directory>/<session id>.jsonl`, the agent's file."""

from __future__ import annotations

import os

from vps.container.launch import AgentsUser
from vps.host.files import open_regular

_CHUNK = 1 << 20


def held(home: str, session_id: str, uuids: list[str]) -> set[str] | None:
    """Those of the user messages that the session holds, by uuid (as they were given: measured with 2.1.197).

    None where there is no session: then it cannot be resumed.
    """
    with AgentsUser():
        directory = f"{home}/.claude/projects"
        try:
            found = [f"{directory}/{name}/{session_id}.jsonl" for name in os.listdir(directory)]
        except OSError:
            return None
        texts = [text for path in found if (text := _uuids_in(path, uuids)) is not None]
    return set[str]().union(*texts) if texts else None


def _uuids_in(path: str, uuids: list[str]) -> set[str] | None:
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    seen: set[str] = set()
    before = b""
    with os.fdopen(descriptor, "rb") as file:
        while chunk := file.read(_CHUNK):
            text = before + chunk
            seen.update(uuid for uuid in uuids if f'"uuid":"{uuid}"'.encode() in text)
            before = text[-100:]
    return seen
