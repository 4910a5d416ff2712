"""A run's blocks in the order in which they were begun; the last one may take more."""

from __future__ import annotations

from collections.abc import Container

from vps.events.types import Line

from . import answer
from .blocks import Block, Kind
from .drafts import Draft, TextDraft
from .text import shorten

_NOTICE = 1800


class Page:
    """`at` is the line that is being taken in, `current` the block that what comes next may still join."""

    def __init__(self) -> None:
        self.at = Line(0, 0, ())
        self.current: Draft | None = None
        self._drafts: list[Draft] = []
        self._next = 0

    @property
    def blocks(self) -> list[Block]:
        """Those that have not been dropped, in order."""
        return [draft.block() for draft in self._drafts]

    @property
    def where(self) -> tuple[int, int, int]:
        """What a draft that is begun now begins with: its index, and the range of the line."""
        return self._next, self.at.start, self.at.end

    def drop(self, indexes: Container[int]) -> None:
        """Forgets these sealed blocks; memory then depends on the others only."""
        self._drafts = [draft for draft in self._drafts if not (draft.sealed and draft.index in indexes)]

    def add(self, draft: Draft) -> None:
        """Puts a new one at the end."""
        self._drafts.append(draft)
        self._next += 1

    def close(self) -> None:
        """What comes next begins a new block."""
        if self.current is not None:
            if isinstance(self.current, TextDraft) and self.current.over:
                self.current.end = self.at.end
            self.current.current = False
            self.current = None

    def say(self, text: str, kind: Kind) -> None:
        """Puts words into blocks of their own."""
        self.close()
        pieces, files = answer.messages(text, "❌ " if kind == "error" else "")
        for piece in pieces:
            self.add(TextDraft(*self.where, kind, current=False, text=piece, files=files))

    def notice(
        self,
        text: str,
        *,
        over: str = "",
        topic: str = "",
        times: int = 1,
        kind: Kind = "notice",
        asks: tuple[str, ...] = (),
    ) -> None:
        """A line of its own; it takes the place of the one before if both have the same topic."""
        text, over = shorten(text, _NOTICE), shorten(over, _NOTICE)
        current = self.current
        if isinstance(current, TextDraft) and topic and current.topic == topic:
            current.text, current.over, current.times, current.end = text, over, times, self.at.end
            return
        self.close()
        draft = TextDraft(*self.where, kind, bool(topic), text, over, topic, times, asks=asks)
        self.add(draft)
        self.current = draft if topic else None
