"""What the gateway tells this run: that its requests wait, or go on again, and what it was denied."""

from __future__ import annotations

import json
import os
from typing import Any

_FIELDS = ("why", "until", "text", "host", "inward")
_CHUNK = 1 << 16
KINDS = ("paused", "unpaused", "warned", "denied", "denied_more")


class Notices:
    """Follows the file that the gateway writes for this run. No agent can write it."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._torn = b""

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """New ones: their kinds and fields."""
        *lines, self._torn = (self._torn + os.read(self._file, _CHUNK)).split(b"\n")
        found = [json.loads(line) for line in lines if line]
        return [
            (each["kind"], {name: each[name] for name in _FIELDS if name in each})
            for each in found
            if each.get("kind") in KINDS
        ]
