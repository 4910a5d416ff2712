"""Which agents a list shows, and what is read of each."""

from __future__ import annotations

from collections.abc import Iterable

from agents.tools.views import ended_at
from vps.run import Run

MOST = 500
"""Agents in one answer, those that run first."""
TAIL = 64 << 10
"""Bytes of its log: the last action stands there."""
_RECENT_S = 86_400.0


def chosen(runs: Iterable[Run], *, all: bool) -> list[Run]:  # noqa: A002  the parameter's name in the tool
    """Those at work first, then those that wait; of the others those that ended within a day, or all."""
    wanted = (run for run in runs if all or _is_recent(run))
    return sorted(wanted, key=lambda run: (not run.alive, run.waiting is not None))[:MOST]


def _is_recent(run: Run) -> bool:
    if run.alive or run.record is None:
        return True
    return run.now - ended_at(run) < _RECENT_S
