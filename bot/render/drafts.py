"""Blocks while they are still being written."""

from __future__ import annotations

from dataclasses import dataclass, field

from .blocks import FILES_LIMIT, TEXT_LIMIT, Attachment, Block, Kind
from .text import width
from .tools import State, ToolLine

ROOM = 1800
"""A block takes no further tool beyond this many characters."""


@dataclass(slots=True)
class Draft:
    """A block and the byte range that shaped it. While it is `current`, it may still take more."""

    index: int
    start: int
    end: int
    kind: Kind
    current: bool = True

    @property
    def asked(self) -> tuple[str, ...]:
        """What people may answer with a button."""
        return ()

    @property
    def sealed(self) -> bool:
        """Whether it never changes again."""
        return not self.current

    def content(self) -> tuple[str, tuple[Attachment, ...]]:
        """The message's text and files."""
        raise NotImplementedError

    def block(self) -> Block:
        """The draft as it stands."""
        text, files = self.content()
        return Block(self.index, self.start, self.end, text, self.kind, files, self.sealed, self.asked)


@dataclass(slots=True)
class TextDraft(Draft):
    """Text; `over` replaces it when something else follows. One with a `topic` may be rewritten while it is current."""

    text: str = ""
    over: str = ""
    topic: str = ""
    times: int = 1
    files: tuple[Attachment, ...] = ()
    asks: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """See `Draft.asked`."""
        return self.asks

    def content(self) -> tuple[str, tuple[Attachment, ...]]:
        """The text while it is current, or what is left of it."""
        return (self.text if self.current else self.over or self.text), self.files


@dataclass(slots=True)
class Row:
    """A line of a tools block: a tool use, or words of a subagent."""

    id: str
    parent: str | None
    line: ToolLine | str

    @property
    def open(self) -> bool:
        """Whether the tool has not ended."""
        return not isinstance(self.line, str) and self.line.state is State.OPEN

    @property
    def text(self) -> str:
        """The line, indented below its parent."""
        text = self.line if isinstance(self.line, str) else self.line.text
        return f"↳ {text}" if self.parent else text


@dataclass(slots=True)
class ToolsDraft(Draft):
    """Consecutive tool uses, one line each; a subagent's stand below their `Agent` call."""

    rows: list[Row] = field(default_factory=list[Row])

    @property
    def sealed(self) -> bool:
        """Tools that run keep the block open after others have begun."""
        return not self.current and not any(row.open for row in self.rows)

    def has(self, tool_id: str) -> bool:
        """Whether this block shows the tool."""
        return any(row.id == tool_id for row in self.rows)

    def takes(self, rows: list[Row]) -> bool:
        """Whether further rows fit, with what the open ones may still add."""
        wanted = [*self.rows, *rows]
        lines = [row.line for row in wanted if not isinstance(row.line, str)]
        files = sum(line.state is State.OPEN or line.detail is not None for line in lines)
        reserved = sum(line.reserve for line in lines)
        added = sum(width(row.text) + 1 for row in rows)
        return width(self.content()[0]) + added + reserved <= ROOM and files <= FILES_LIMIT

    def add(self, row: Row) -> None:
        """Puts a row at the end, or below its parent's others."""
        family = [at for at, other in enumerate(self.rows) if row.parent and row.parent in (other.id, other.parent)]
        self.rows.insert(family[-1] + 1 if family else len(self.rows), row)

    def update(self, tool_id: str, line: ToolLine) -> None:
        """Replaces the tool's line."""
        for row in self.rows:
            if row.id == tool_id and not isinstance(row.line, str):
                row.line = line

    def content(self) -> tuple[str, tuple[Attachment, ...]]:
        """All lines; below them the code blocks that still fit, the others as files."""
        room = TEXT_LIMIT - sum(width(row.text) + 1 for row in self.rows)
        parts: list[str] = []
        files: list[Attachment] = []
        for row in self.rows:
            parts.append(row.text)
            detail = None if isinstance(row.line, str) else row.line.detail
            if detail is None:
                continue
            block = detail.block
            fits = bool(block) and width(block) + 1 <= room
            if fits:
                parts.append(block)
                room -= width(block) + 1
            if detail.attach or not fits:
                files.append(detail.file)
        return "\n".join(parts), tuple(files[:FILES_LIMIT])
