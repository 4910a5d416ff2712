"""Discord messages as values: what one message shows and how far it is settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MESSAGE_LIMIT = 2000
"""Discord's limit for a message's content, in characters."""
MARK_ROOM = 110
"""Of which every message of a run keeps so many for its mark, see bot.marks."""
TEXT_LIMIT = MESSAGE_LIMIT - MARK_ROOM
FILES_LIMIT = 10
"""Discord's limit for attachments of one message."""
FILE_BYTES = 8 * 1024 * 1024
"""Kept under Discord's 10 MiB for an attachment, with room for the multipart envelope."""

Kind = Literal["text", "tools", "todo", "notice", "error", "end", "question"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message. `description` tells those who cannot see a picture what it shows."""

    name: str
    content: bytes
    description: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One Discord message.

    `index` is its place among all blocks of the log, from 0, and its identity: a replay gives the same one.
    [`start`, `end`) is the byte range of the log from the first to the last line that shaped it; blocks may overlap and
    several may share a `start`. `text` has 1 to `TEXT_LIMIT` characters. A `sealed` block never changes again.
    """

    index: int
    start: int
    end: int
    text: str
    kind: Kind
    files: tuple[Attachment, ...] = ()
    sealed: bool = False
    asks: tuple[str, ...] = ()
    """What people may answer with a button, see bot.render.asks."""


def attachment(name: str, text: str) -> Attachment:
    """A UTF-8 text file, cut to `FILE_BYTES`."""
    content = text.encode("utf-8", "replace")
    return Attachment(name, content if len(content) <= FILE_BYTES else content[:FILE_BYTES] + b"\n[cut]\n")
