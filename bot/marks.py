"""What each of our messages in a thread says of itself, invisibly: which run it belongs to and which part of the log it carries.

Discord gives a nonce back only while it remembers it, a few minutes; a message's text it gives back always. So the mark stands
at the end of the text, in characters of no width. Only our own messages are asked for theirs: an agent may write anything.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from bot.render.blocks import MARK_ROOM

Kind = Literal["anchor", "part", "end"]

_KINDS: tuple[Kind, ...] = ("anchor", "part", "end")
# None of them is white space (Unicode's property), which Discord takes from the end of a text.
_BEGIN, _DIGITS = "\u2063", "\u200b\u200c\u2060\u2062"
_MARK = re.compile(f"{_BEGIN}([{_DIGITS}]+)$")
_TAG = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A message of a run: the `number`th, showing blocks `first` to `last`; `start` and `end` as in `bot.store.MessageRow`."""

    kind: Kind
    number: int = 0
    first: int = 0
    last: int = 0
    start: int = 0
    end: int = 0


def marked(text: str, run: str, mark: Mark) -> str:
    """The text with its mark, at most `MARK_ROOM` characters more."""
    data = _tag(run) + bytes([_KINDS.index(mark.kind)])
    for value in (mark.number, mark.first, mark.last - mark.first, mark.start, mark.end - mark.start):
        data += _varint(value)
    data += hashlib.sha256(data).digest()[:1]
    digits = "".join(_DIGITS[byte >> shift & 3] for byte in data for shift in (6, 4, 2, 0))
    assert len(digits) < MARK_ROOM
    return text + _BEGIN + digits


def read(text: str, run: str) -> tuple[str, Mark] | None:
    """The text without its mark, and the mark; None where there is none of this run."""
    found = _MARK.search(text)
    data = _bytes(found[1]) if found else b""
    if found is None or data[:_TAG] != _tag(run) or hashlib.sha256(data[:-1]).digest()[:1] != data[-1:]:
        return None
    values = _varints(data[_TAG + 1 : -1])
    if len(values) != 5 or data[_TAG] >= len(_KINDS):
        return None
    number, first, more, start, length = values
    return text[: found.start()], Mark(_KINDS[data[_TAG]], number, first, first + more, start, start + length)


def _tag(run: str) -> bytes:
    return hashlib.sha256(run.encode()).digest()[:_TAG]


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def _varints(data: bytes) -> list[int]:
    found, value, shift = list[int](), 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            found.append(value)
            value, shift = 0, 0
    return found


def _bytes(digits: str) -> bytes:
    values = [_DIGITS.index(digit) for digit in digits]
    fours = (values[at : at + 4] for at in range(0, len(values) - 3, 4))
    return bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in fours)
