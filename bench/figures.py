"""Figures and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing: its values, their unit, and the goal it is held against, if there is one. Without values: ValueError."""

    name: str
    unit: str
    values: Sequence[float]
    goal: str = ""

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"nothing was measured: {self.name}")

    def __str__(self) -> str:
        low, mid, high = min(self.values), median(self.values), max(self.values)
        figures = f"{mid:9.2f} {low:9.2f} {_p99(self.values):9.2f} {high:9.2f}"
        return f"{self.name:<58} {self.unit:<6} {figures}  n={len(self.values):<3} {self.goal}".rstrip()


def _p99(values: Sequence[float]) -> float:
    """By nearest rank: of fewer than 100 it is the highest."""
    return sorted(values)[ceil(0.99 * len(values)) - 1]


def table(rows: Sequence[Row]) -> str:
    """One line a row: median, minimum, 99th percentile, maximum."""
    head = f"{'':<58} {'unit':<6} {'median':>9} {'min':>9} {'p99':>9} {'max':>9}"
    return "\n".join([head, *map(str, rows)]) + "\n"


def ratios(name: str, ours: Sequence[float], theirs: Sequence[float], goal: str) -> Row:
    """Pair by pair, so that the machine's drift falls out."""
    return Row(name, "ratio", [mine / other for mine, other in zip(ours, theirs, strict=True)], goal)
