"""Which of the messages that the CLI was given it has taken: with `--replay-user-messages` it says each again as it does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

_PATIENCE_S = 10.0
"""An idle CLI takes what lies on its stdin within 50 ms (measured); one that says nothing of it must not keep a run open."""


class Receipts:
    """Messages by their `uuid`."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._idle_at: float | None = None

    def gave(self, lines: Iterable[bytes]) -> None:
        """These are on their way to the CLI."""
        self._open.update(str(json.loads(line).get("uuid")) for line in lines)
        self._idle_at = None

    def forget(self, ids: Iterable[str]) -> None:
        """The CLI has dropped these."""
        self._open.difference_update(ids)

    def note(self, line: bytes) -> None:
        """A line of the log."""
        if self._open and line.startswith(b'{"type":"user"') and b'"isReplay":true' in line:
            try:
                self._open.discard(str(json.loads(line).get("uuid")))
            except ValueError:
                pass  # cut short by a full disk

    def are_due(self, *, idle: bool) -> bool:
        """Whether something that was given is still to be taken. `idle`: the CLI says it has ended its turn, which it may have
        said before it read what came meanwhile."""
        if not idle:
            self._idle_at = None
        elif self._idle_at is None:
            self._idle_at = time.monotonic()
        return bool(self._open) and (self._idle_at is None or time.monotonic() - self._idle_at < _PATIENCE_S)
