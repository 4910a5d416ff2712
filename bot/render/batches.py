"""Blocks to messages: one each while the thread keeps up, several in one when it does not. Text merges, and stays complete.

A channel takes about 5 messages in 5 s (measured by others; Discord does not document it). An agent may write faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .blocks import FILE_BYTES, FILES_LIMIT, TEXT_LIMIT, Attachment, Block, attachment
from .text import beginning, count, width

CALM = 3
"""So many blocks that wait are messages of their own still."""
FLOOD = 30 * TEXT_LIMIT
"""Units of text that wait from which on they go into one file: as messages they would take half a minute."""
_EXCERPT = 600


@dataclass(frozen=True, slots=True)
class Batch:
    """What one message carries: blocks `first` to `last`; `start` and `end` as in `bot.store.MessageRow`."""

    first: int
    last: int
    start: int
    end: int
    text: str
    files: tuple[Attachment, ...] = ()
    asks: tuple[str, ...] = ()


def next_batch(waiting: Sequence[Block]) -> Batch:
    """The next message for blocks that wait in order, at least one. Only sealed blocks merge: others still change. What pings
    stands alone."""
    if len(waiting) > CALM and len(merged := list(_sealed(waiting))) > 1:
        return _file(merged) if sum(width(block.text) for block in merged) > FLOOD else _merged(merged)
    return alone(waiting[0])


def alone(block: Block) -> Batch:
    """A block as a message of its own."""
    return Batch(block.index, block.index, block.start, block.end, block.text, block.files, block.asks)


def _sealed(waiting: Sequence[Block]) -> Iterator[Block]:
    for block in waiting:
        if not block.sealed or "ping" in block.asks:
            return
        yield block


def _merged(blocks: Sequence[Block]) -> Batch:
    """As many of them as one message holds, one below the other."""
    taken = _fitting(blocks, TEXT_LIMIT, FILES_LIMIT)
    return _batch(taken, "\n".join(block.text for block in taken))


def _file(blocks: Sequence[Block]) -> Batch:
    """As many of them as one message's files leave room for: their text in a file, with its beginning and end to read."""
    taken = _fitting(blocks, FILE_BYTES, FILES_LIMIT - 1)
    if len(taken) == 1:
        return alone(blocks[0])
    text = "\n\n".join(block.text for block in taken)
    head = f"📄 **{count(len(taken), 'message')}** at once; all of them are in the file. They begin:"
    shown = f"{head}\n{beginning(text, _EXCERPT)}\n-# … and end:\n{beginning(taken[-1].text, _EXCERPT)}"
    return _batch(taken, shown, attachment(f"messages-{taken[0].index + 1}-{taken[-1].index + 1}.md", text))


def _fitting(blocks: Sequence[Block], text_limit: int, files_limit: int) -> list[Block]:
    """The first of them, at least one, whose text and files stay within the limits, and together within one file's bytes."""
    taken, units, files, size = list[Block](), -1, 0, 0
    for block in blocks:
        units, files = units + 1 + width(block.text), files + len(block.files)
        size += 4 * len(block.text) + sum(len(file.content) for file in block.files)
        if taken and (units > text_limit or files > files_limit or size > FILE_BYTES):
            break
        taken.append(block)
    return taken


def _batch(taken: Sequence[Block], text: str, *more: Attachment) -> Batch:
    files = (*more, *(file for block in taken for file in block.files))
    asks = tuple(dict.fromkeys(ask for block in taken for ask in block.asks))
    return Batch(taken[0].index, taken[-1].index, taken[-1].start, max(block.end for block in taken), text, files, asks)
