"""JSON that an agent may have written, as values that can be walked and encoded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import cast

from vps.events import fields

_DEPTH = 100
"""Levels of nesting; the captured lines have 9 at most. Whoever walks a value recursively must not run out of stack."""


def decoded(line: bytes) -> object:
    """The value of a line. Raises ValueError or RecursionError for what is no JSON, or is nested too deep."""
    value = json.loads(line)
    if line.count(b"[") + line.count(b"{") > _DEPTH and _is_deep(value):
        raise ValueError("nested too deep")
    return _repaired(value) if b"\\ud" in line or b"\\uD" in line else value


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    return any(isinstance(inner, dict | list) for inner in level)


def _inside(value: object) -> Iterable[object]:
    return cast("dict[str, object]", value).values() if isinstance(value, dict) else fields.items(value)


def _repaired(value: object) -> object:
    r"""Without lone surrogates, which JSON allows and UTF-8 cannot encode.

    The CLI cuts a long output between the halves of a character and writes the one that is left as "\ud83d" (measured).
    """
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in cast("dict[str, object]", value).items()}
    return [_repaired(item) for item in fields.items(cast("object", value))] if isinstance(value, list) else value
