"""The durable inbox: lines that the host appends and the CLI reads on its stdin, each user message once."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from vps.container import edits, paths
from vps.host.json_object import json_object

_CHUNK = 1 << 20
_PATIENCE_S = 2.0
"""A host that holds the lock for longer is stuck, and a run must end all the same."""


class Inbox:
    """Follows the inbox file and hands out its complete lines."""

    def __init__(self, path: str, known: Iterable[str] = ()) -> None:
        """The user messages in `known` are handed out no more."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._torn = b""
        self._known = frozenset(known)
        self._seen = set(known)
        self.read = 0
        """Bytes that were read."""
        self._asked_at: float | None = None
        self.is_shut = False
        """Whether nothing is appended any more."""

    def shut(self, take: Callable[[], bool]) -> bool:
        """Let nothing more be appended, unless `take` finds something that came before; whether it is shut now.

        The host appends under a lock on the file, and only while the file that is made here is not there (vps.host.inbox):
        what it appended is found here, or it was refused. Where it holds the lock right now, ask again.
        """
        if not self.is_shut and self._locked():
            try:
                self.is_shut = not take()
                if self.is_shut:
                    _make(paths.INBOX_SHUT)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        return self.is_shut

    def _locked(self) -> bool:
        now = time.monotonic()
        self._asked_at = now if self._asked_at is None else self._asked_at
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return now - self._asked_at >= _PATIENCE_S
        self._asked_at = None
        return True

    def take(self) -> tuple[list[bytes], list[dict[str, Any]], list[str]]:
        """What is new: lines for the CLI, orders for the supervisor, and what was wrong with the other lines.

        A line that is no JSON object would end the CLI (measured), so it never gets there. A user message whose `uuid`
        was seen is left out: the host may append the same one again after a lost answer. One that is edited among what is new
        is handed out as it is to be read at last, or not at all; see `vps.container.edits`.
        """
        feed: dict[str, bytes] = {}
        orders: list[dict[str, Any]] = []
        bad: list[str] = []
        for number, line in enumerate(self._lines()):
            message = json_object(line)
            if message is None:
                bad.append(line[:200].decode("utf-8", "replace"))
            elif message.get("type") == "agentflow":
                orders.append(self._edited(message, feed) if message.get("op") == edits.OP else message)
            elif not self._is_repeated(message):
                feed[str(message.get("uuid", number))] = line
        return list(feed.values()), orders, bad

    def _edited(self, order: dict[str, Any], feed: dict[str, bytes]) -> dict[str, Any]:
        """The order as the supervisor is to see it, once it was carried out in what is new."""
        said, by = str(order.get("id")), edits.version(order)
        if said not in feed:
            return order
        if by is None or by in self._known:
            del feed[said]
        else:
            feed[said] = edits.line(order)
            self._seen.add(by)
        return {**order, "op": edits.DONE}

    def _lines(self) -> list[bytes]:
        while chunk := os.read(self._file, _CHUNK):
            self._torn += chunk
            self.read += len(chunk)
        *lines, self._torn = self._torn.split(b"\n")
        return [line for line in lines if line.strip()]

    def _is_repeated(self, message: dict[str, Any]) -> bool:
        uuid = message.get("uuid")
        if not isinstance(uuid, str):
            return False
        repeated = uuid in self._seen
        self._seen.add(uuid)
        return repeated


def _make(path: str) -> None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640))
    except OSError:
        pass  # on a full disk; the record of the end, for which there is room, says the same a moment later
