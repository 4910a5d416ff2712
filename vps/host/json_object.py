"""JSON that something else wrote."""

from __future__ import annotations

import json
from typing import Any


def json_object(data: bytes) -> dict[str, Any] | None:
    """The object it is; None for anything else, such as a line that a full disk cut short."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]  JSON
