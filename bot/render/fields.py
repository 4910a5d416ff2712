"""Reading fields of JSON that an agent or another program wrote: a missing or wrong one is an empty value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vps.events.types import Json

from .text import HUGE


def mapping(value: object) -> Json:
    """The value if it is an object."""
    return cast("Json", value) if isinstance(value, Mapping) else {}


def items(value: object) -> list[Any]:
    """The value if it is an array."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text(source: Json, *names: str) -> str:
    """The first of the named fields that holds text."""
    return next((value for name in names if isinstance(value := source.get(name), str) and value), "")


def integer(source: Json, name: str) -> int | None:
    """A whole number of honest size."""
    value = source.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < HUGE else None
