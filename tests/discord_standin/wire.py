"""JSON objects as they travel, and reading what may be missing or null in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


def items(body: Mapping[str, Any], key: str) -> list[Json]:
    """A list of objects; empty when it is missing or null."""
    value: list[Json] | None = body.get(key)
    return value or []


def part(body: Mapping[str, Any], key: str) -> Json:
    """An object; empty when it is missing or null."""
    value: Json | None = body.get(key)
    return value or {}
