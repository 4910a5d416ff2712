"""Numbers, durations and money in words, and words back to numbers."""

from __future__ import annotations

import re

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"), (100, "hundred"))
_LARGEST = 10**12
_SAID = {word: number for number, word in enumerate(_ONES)} | {
    word: 10 * number for number, word in enumerate(_TENS) if word
}
PARTS = frozenset(_SAID) | {word for _, word in _SCALES}
"""The words that numbers are said in."""


def number(value: int) -> str:
    """A whole number: `two hundred five`."""
    if value < 0:
        return f"minus {number(-value)}"
    if value < 20:
        return _ONES[value]
    if value < 100:
        tens, rest = divmod(value, 10)
        return f"{_TENS[tens]}-{_ONES[rest]}" if rest else _TENS[tens]
    if value >= _LARGEST:
        return "very many"
    scale, word = next((scale, word) for scale, word in _SCALES if value >= scale)
    times, rest = divmod(value, scale)
    return " ".join([number(times), word, *([number(rest)] if rest else [])])


def counted(value: int, one: str, many: str | None = None) -> str:
    """`one file`, `three files`, `no files`."""
    many = many or f"{one}s"
    return f"no {many}" if value == 0 else f"{number(value)} {one if value == 1 else many}"


def duration(ms: int) -> str:
    """The two largest units, of milliseconds: `an hour and five minutes` is `one hour and five minutes`."""
    seconds = max(0, round(ms / 1000))
    if seconds < 60:
        return counted(seconds, "second") if seconds else "less than a second"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return _joined(counted(minutes, "minute"), counted(seconds, "second") if seconds and minutes < 10 else "")
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _joined(counted(hours, "hour"), counted(minutes, "minute") if minutes else "")
    return counted(hours // 24, "day")


def money(usd: float) -> str:
    """US dollars: `two dollars and five cents`."""
    cents = round(usd * 100)
    if cents == 0:
        return "less than a cent" if usd > 0 else "nothing"
    dollars, cents = divmod(cents, 100)
    parts = [counted(dollars, "dollar")] if dollars else []
    return " and ".join([*parts, *([counted(cents, "cent")] if cents else [])])


def listed(items: list[str], last: str = "and") -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def said_number(text: str) -> int | None:
    """`7`, `seven`, `twenty-one`, `one hundred and five` as a number; None for anything else."""
    parts = re.split(r"[\s-]+", text.strip().lower())
    if len(parts) == 1 and parts[0].isdecimal():
        return int(parts[0]) if len(parts[0]) < 6 else None
    return _read([part for part in parts if part != "and"]) if parts[-1] != "and" else None


def _read(parts: list[str]) -> int | None:
    """The largest scale divides it: what stands before is how many there are of it."""
    if not parts:
        return None
    for scale, word in _SCALES:
        if word in parts:
            at = parts.index(word)
            times, rest = _read(parts[:at]), _read(parts[at + 1 :]) if parts[at + 1 :] else 0
            return times * scale + rest if times and rest is not None and rest < scale else None
    values = [_SAID.get(part) for part in parts]
    if len(values) == 1:
        return values[0]
    if len(values) == 2 and values[0] is not None and values[1] is not None:
        tens, ones = values[0], values[1]
        return tens + ones if tens >= 20 and 0 < ones < 10 else None
    return None


def _joined(first: str, second: str) -> str:
    return f"{first} and {second}" if second else first
