"""Types of parameters that several tools share."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_UNITS_BYTES = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE)


def duration_ms(value: object) -> object:
    """`10m`, `1h30m` or milliseconds as milliseconds; anything else is left for pydantic to refuse."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        raise ValueError(f"{value!r} is no duration such as 10m, 90s or 600000")
    return round(sum(float(number) * _UNITS_MS[unit] for number, unit in parts))


def size_bytes(value: object) -> object:
    """`4g`, `512m` or bytes as bytes."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if not found:
        raise ValueError(f"{value!r} is no size such as 4g or 512m")
    return round(float(found[1]) * _UNITS_BYTES[found[2].lower()])


_LEAST_DISK = 64 << 20
"""The CLI and its tools take some of it themselves."""


def disk_bytes(value: object) -> object:
    """As `size_bytes`; too little to work with is refused, such as a number that was meant as GiB."""
    size = size_bytes(value)
    if isinstance(size, int) and 0 < size < _LEAST_DISK:
        raise ValueError(f"{value!r} is less than 64m; write 20g for 20 GiB")
    return size


ContainerId = Annotated[
    str,
    Field(
        min_length=1, max_length=100, description="name or its last six characters, unique prefix of one, or Docker id"
    ),
]
TimeoutMs = Annotated[
    int,
    BeforeValidator(duration_ms),
    Field(gt=0, le=86_400_000, description="how long, such as 10m, or in milliseconds; at most 24h"),
]
MemoryBytes = Annotated[int, BeforeValidator(size_bytes), Field(gt=0, description="memory limit, such as 4g")]
DiskBytes = Annotated[
    int, BeforeValidator(disk_bytes), Field(gt=0, le=1 << 50, description="limit on the disk, such as 20g")
]
