"""Reading fields of JSON that an agent or a newer CLI wrote: a missing or wrong one is an empty value."""

from __future__ import annotations

from typing import Any, cast

from vps.events.types import Json

_HUGE = 1e15


def text(record: Json, key: str) -> str:
    """The field if it is text."""
    value = record.get(key)
    return value if isinstance(value, str) else ""


def text_or_none(record: Json, key: str) -> str | None:
    """The field if it is text; None tells that from an empty one."""
    value = record.get(key)
    return value if isinstance(value, str) else None


def number(record: Json, key: str) -> float:
    """A finite number, or 0."""
    return number_or_none(record, key) or 0


def number_or_none(record: Json, key: str) -> float | None:
    """A finite number of a size that a float can hold; an agent may write NaN, Infinity or 400 digits."""
    value = record.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if -_HUGE < value < _HUGE else None


def mapping(value: object) -> Json:
    """The value if it is an object."""
    return cast("Json", value) if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The value if it is an array."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def strings(value: object) -> tuple[str, ...]:
    """Those items of an array that are text."""
    return tuple(item for item in items(value) if isinstance(item, str))
