"""What agents spend and what stands against it: the gateway's answer as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from vps.mask import Mask
from vps.proxy import limits
from vps.proxy.books import Spent

Scope = Literal["run", "person", "day"]
SETTINGS: dict[Scope, str] = {
    "run": "AGENTFLOW_BUDGET_RUN",
    "person": "AGENTFLOW_BUDGET_PERSON",
    "day": "AGENTFLOW_BUDGET_DAY",
}
_DAY_S = 86_400


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spend(_Frozen):
    """What something cost: `what` is a day (UTC), a person, a model or an agent. Tokens read include those from the cache."""

    what: str
    usd: float = 0.0
    requests: int = 0
    tokens_read: int = 0
    tokens_written: int = 0


class BudgetState(_Frozen):
    """A budget in USD; `who` is an agent or a person, nobody for the day's. `added` of its `limit` came on top."""

    scope: Scope
    who: str = ""
    limit: float
    added: float = 0.0
    spent: float = 0.0
    left: float = 0.0


class PlanWindow(_Frozen):
    """How much of a subscription's limit is used, from 0 to 1, and when it begins anew (RFC 3339), where that is known."""

    hours: int
    used: float
    resets_at: str | None = None


class Usage(_Frozen):
    """Spend by day, oldest first, with days on which nothing was spent; today's by who and what, most first.

    `waiting` says why all requests wait, empty if they do not; `waiting_until` when they go on by themselves (RFC 3339).
    """

    days: tuple[Spend, ...] = ()
    people: tuple[Spend, ...] = ()
    models: tuple[Spend, ...] = ()
    agents: tuple[Spend, ...] = ()
    budgets: tuple[BudgetState, ...] = ()
    plan: tuple[PlanWindow, ...] = ()
    waiting: str = ""
    waiting_until: str | None = None

    @property
    def today(self) -> Spend:
        """All of it since midnight UTC."""
        return self.days[-1] if self.days else Spend(what="")


def read(told: Mapping[str, Any], days: int, names: Mapping[str, str], mask: Mask) -> Usage:
    """The gateway's answer (see vps.host.gateway.usage) for so many days; `names` are people's by their ids."""
    now = float(told["now"])
    status: Mapping[str, Any] = told["status"]
    wait = limits.credential(status, now)
    return Usage(
        days=_days(told["days"], days, now),
        people=tuple(_spend(row, mask.text(names.get(row[0], row[0] or "unknown"))) for row in told["people"]),
        models=tuple(_spend(row, mask.text(row[0]) or "unknown") for row in told["models"]),
        agents=tuple(_spend(row, str(row[0])) for row in told["runs"]),
        budgets=tuple(_budgets(told, names, now)),
        plan=tuple(_plan(status)),
        waiting=mask.text(wait.text) if wait else "",
        waiting_until=moment(wait.until) if wait and wait.until else None,
    )


def _spend(row: list[Any], what: str) -> Spend:
    _, usd, requests, read_tokens, written = row
    return Spend(what=what, usd=usd, requests=int(requests), tokens_read=int(read_tokens), tokens_written=int(written))


def _days(rows: Iterable[list[Any]], days: int, now: float) -> tuple[Spend, ...]:
    known = {int(row[0]): row for row in rows}
    last = int(now // _DAY_S)
    return tuple(
        _spend(known.get(day, [day, 0.0, 0, 0, 0]), moment(day * _DAY_S)[:10])
        for day in range(last - days + 1, last + 1)
    )


def _budgets(told: Mapping[str, Any], names: Mapping[str, str], now: float) -> Iterable[BudgetState]:
    people = {str(row[0]): float(row[1]) for row in told["people"]}
    day = sum(people.values())
    if found := budget_state(told, "day", "", Spent(0, 0, day), now):
        yield found
    for person, usd in people.items():
        if found := budget_state(told, "person", person, Spent(0, usd, day), now):
            yield found.model_copy(update={"who": names.get(person, person or "unknown")})
    for run in told["specs"]:
        spent = Spent(float(told["totals"].get(run, 0.0)), 0, day)
        if found := budget_state(told, "run", run, spent, now):
            yield found


def budget_state(told: Mapping[str, Any], scope: Scope, key: str, spent: Spent, now: float) -> BudgetState | None:
    """One budget; None where nothing bounds it. `key` is a run's name or a person's id."""
    run = key if scope == "run" else ""
    spec: Mapping[str, Any] = told["specs"].get(run) or {"person": key}
    grants = list(told["grants"].get("grants", []))
    limit = getattr(limits.budget(told["settings"], grants, run, spec, now), scope)
    if limit is None:
        return None
    base = getattr(limits.budget(told["settings"], [], run, spec, now), scope)
    used = getattr(spent, scope)
    return BudgetState(scope=scope, who=key, limit=limit, added=limit - base, spent=used, left=max(0.0, limit - used))


def _plan(status: Mapping[str, Any]) -> Iterable[PlanWindow]:
    for hours, name in ((5, "5h"), (168, "7d")):
        used = _number(status.get(f"used_{name}"))
        if used is not None:
            reset = _number(status.get(f"reset_{name}"))
            yield PlanWindow(hours=hours, used=used, resets_at=moment(reset) if reset else None)


def _number(value: object) -> float | None:
    """What the API put into a header; it may put anything there."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if 0 <= found < 1e11 else None


def moment(at: float) -> str:
    """RFC 3339, UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
