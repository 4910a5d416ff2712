"""The durable inbox: lines that the host appends and the CLI reads on its stdin, each user message once."""

from __future__ import annotations

import json
import os
from typing import Any

_CHUNK = 1 << 20


class Inbox:
    """Follows the inbox file and hands out its complete lines."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._torn = b""
        self._seen: set[str] = set()

    def take(self) -> tuple[list[bytes], list[dict[str, Any]], list[str]]:
        """What is new: lines for the CLI, orders for the supervisor, and what was wrong with the other lines.

        A line that is no JSON object would end the CLI (measured), so it never gets there. A user message whose `uuid`
        was seen is left out: the host may append the same one again after a lost answer.
        """
        feed: list[bytes] = []
        orders: list[dict[str, Any]] = []
        bad: list[str] = []
        for line in self._lines():
            message = _parse(line)
            if message is None:
                bad.append(line[:200].decode("utf-8", "replace"))
            elif message.get("type") == "agentflow":
                orders.append(message)
            elif not self._is_repeated(message):
                feed.append(line)
        return feed, orders, bad

    def _lines(self) -> list[bytes]:
        while chunk := os.read(self._file, _CHUNK):
            self._torn += chunk
        *lines, self._torn = self._torn.split(b"\n")
        return [line for line in lines if line.strip()]

    def _is_repeated(self, message: dict[str, Any]) -> bool:
        uuid = message.get("uuid")
        if not isinstance(uuid, str):
            return False
        repeated = uuid in self._seen
        self._seen.add(uuid)
        return repeated


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]  JSON
