"""What a call may cost its person: what a surface where a model calls has confirmed by them, whatever the model says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import cast

from pydantic import BaseModel

from vps.mask import Mask

_MOST = 1200
"""UTF-16 units of a question: a task may have a hundred thousand, a message in Discord 2000."""
_LEAST = 8
"""Units of a value that are shown in any case."""
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U0001d159\U000e0100-\U000e01ef]"
)
"""Fillers and variation selectors: letters and marks by their category, with nothing to see."""
_NO_MORE: Mapping[str, str] = MappingProxyType({})


class Stake(StrEnum):
    """It spends money, ends work, sends work out, deletes, or opens something to others."""

    SPENDS = "spends"
    STOPS = "stops"
    PUSHES = "pushes"
    DELETES = "deletes"
    OPENS = "opens"


Stakes = frozenset[Stake]
NOTHING: Stakes = frozenset()


def question(
    description: str,
    given: BaseModel,
    mask: Mask,
    *,
    about: Mapping[str, str] = _NO_MORE,
    told: str = "",
    in_full: bool = False,
) -> str:
    """What a person says yes to: the call itself with all that was given, since what a model says of it may be wrong.

    `about` are further values that tell of it, by names with a space, which no parameter has; `told` is a sentence of our own.
    Each value begins at its name and goes on indented, so none can pass for another, and what could not be seen is written out.
    The short ones come first, and the others are cut so that each has its beginning within about 1200 UTF-16 units. With `in_full`
    the whole follows where something was cut.
    """
    set_ = {name: getattr(given, name) for name in type(given).model_fields if name in given.model_fields_set}
    values = {name: _masked(_words(value), mask) for name, value in {**about, **set_}.items()}
    rows = sorted(((name, visible(text), len(text)) for name, text in values.items()), key=lambda row: _width(row[1]))
    head = "\n".join(filter(None, (f"{description}?", told)))
    shown = "\n".join([head, *_fitted(rows, _MOST - _width(head))])
    whole = "\n".join([head, *(f"{name}: {text}" for name, text, _ in rows)])
    return shown if shown == whole or not in_full else f"{shown}\n\nIn full:\n{whole}"


def _words(value: object) -> str:
    """Of several things each as it tells of itself."""
    return ", ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else str(value)


def _masked(text: str, mask: Mask) -> str:
    """A secret is masked while it is whole, neither cut nor escaped. A mask may take out escape sequences with all they hold."""
    return mask.text(text.replace("\x1b", visible("\x1b")))


def visible(text: str) -> str:
    """Text of which everything can be seen: signs that show nothing are `<U+200B>`, and further lines are indented."""
    return "\n    ".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    return "".join(sign if _is_seen(sign) else f"<U+{ord(sign):04X}>" for sign in line)


def _is_seen(sign: str) -> bool:
    """`isprintable` goes by the categories C and Z (Unicode 15, UAX #44), but for the space."""
    return sign.isprintable() and not _BLANK.match(sign)


def _fitted(rows: Sequence[tuple[str, str, int]], room: int) -> Iterator[str]:
    """Lines for names, texts and the texts' own lengths, shortest first: what one leaves of its share is for those that follow."""
    room -= sum(_width(name) + len(": \n") for name, _, _ in rows)
    for left, (name, text, length) in zip(range(len(rows), 0, -1), rows, strict=True):
        line = _cut(text, room // left, length)
        room -= _width(line)
        yield f"{name}: {line}"


def _cut(text: str, most: int, length: int) -> str:
    if _width(text) <= most:
        return text
    end = f"… ({length} characters)"
    units = max(_LEAST, most - _width(end))
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore") + end


def _width(text: str) -> int:
    """In UTF-16 units, as Discord counts."""
    return len(text.encode("utf-16-le")) // 2


def always(*stakes: Stake) -> Callable[[BaseModel], Stakes]:
    """The same whatever the parameters."""
    return lambda _: frozenset(stakes)
