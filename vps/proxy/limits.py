"""Whether a request may go on, as a function of what is known. Nothing here waits or writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vps.proxy.books import Spent, midnight

WARN_AT = 0.8
_MINUTE_S = 60.0


class Wait(NamedTuple):
    """Why a request waits: a kind for programs, `until` when (epoch seconds; None: for somebody to act), words."""

    kind: str
    until: float | None
    text: str


class Budget(NamedTuple):
    """USD; None is no limit. `person` and `day` are those of one day (UTC)."""

    run: float | None
    person: float | None
    day: float | None


def budget(
    settings: Mapping[str, Any], grants: list[dict[str, Any]], run: str, spec: Mapping[str, Any], now: float
) -> Budget:
    """What the settings and, for a run, its own spec (`person`, `budget_usd`) allow, the smaller of both, and what people added."""
    given = settings.get("budget", {})
    own = [float(each) for each in (given.get("run"), spec.get("budget_usd")) if each is not None]

    def total(scope: str, key: str, base: float | None) -> float | None:
        more = sum(float(each["usd"]) for each in grants if _holds(each, scope, key, now))
        return None if base is None else float(base) + more

    return Budget(
        total("run", run, min(own, default=None)),
        total("person", str(spec.get("person", "")), given.get("person")),
        total("day", "", given.get("day")),
    )


def _holds(grant: dict[str, Any], scope: str, key: str, now: float) -> bool:
    if grant.get("scope") != scope or grant.get("key", "") != key:
        return False
    return scope == "run" or float(grant.get("at", 0)) >= midnight(now)


_NAMES = {
    "run": "this agent's budget",
    "person": "the day's budget of whoever asked for it",
    "day": "the day's budget of all agents",
}
_TO_DO = {
    "budget_run": "Write `new` to begin another conversation, or set AGENTFLOW_TALK_BUDGET higher.",
    "budget_person": "It begins anew at midnight UTC, or `/budget scope:person` with an agent of theirs adds to it.",
    "budget_day": "It begins anew at midnight UTC, or `/budget scope:day` adds to it.",
    "plan": "Wait for its end.",
    "rate": "Wait a minute.",
}


def refusal(wait: Wait) -> str:
    """What a person reads who talks through the gateway, instead of waiting as an agent does."""
    text = wait.text.replace(_NAMES["run"], "this conversation's budget")
    sentence = text[:1].upper() + text[1:]
    end = "" if sentence.endswith(".") else "."
    return f"{sentence}{end} {_TO_DO.get(wait.kind, '')}".strip()


def over(spent: Spent, allowed: Budget, now: float) -> Wait | None:
    """The budget that is used up."""
    for scope in ("run", "person", "day"):
        limit, used = getattr(allowed, scope), getattr(spent, scope)
        if limit is not None and used >= limit:
            until = None if scope == "run" else midnight(now) + 86_400
            return Wait(f"budget_{scope}", until, f"{_NAMES[scope]} is used up: {used:.2f} of {limit:.2f} USD")
    return None


def above(
    settings: Mapping[str, Any],
    grants: list[dict[str, Any]],
    spec: Mapping[str, Any],
    spent: Mapping[str, float],
    now: float,
) -> Wait | None:
    """The budget of an agent above a run (its `ancestors`) that is used up; `spent` is what each has cost with all below it."""
    for run, usd in spec.get("ancestors", {}).items():
        limit = budget(settings, grants, run, {"budget_usd": usd}, now).run
        if limit is not None and spent[run] >= limit:
            text = f"the budget of {run}, whose work this is, is used up: {spent[run]:.2f} of {limit:.2f} USD"
            return Wait("budget_above", None, text)
    return None


def warnings(spent: Spent, allowed: Budget) -> list[tuple[str, str]]:
    """Scopes of which most is used, with words for people."""
    found: list[tuple[str, str]] = []
    for scope in ("run", "person", "day"):
        limit, used = getattr(allowed, scope), getattr(spent, scope)
        if limit is not None and limit > used >= WARN_AT * limit:
            found.append((scope, f"{_NAMES[scope]} is nearly used up: {used:.2f} of {limit:.2f} USD"))
    return found


def too_often(times: list[float], per_minute: int | None, now: float) -> Wait | None:
    """More requests in the last minute than allowed; `times` of those let through, oldest first."""
    recent = [at for at in times if at > now - _MINUTE_S]
    if per_minute is None or len(recent) < per_minute:
        return None
    until = recent[-per_minute] + _MINUTE_S
    return Wait("rate", until, f"it asked the model {len(recent)} times within a minute; {per_minute} are allowed")


def credential(status: Mapping[str, Any], now: float) -> Wait | None:
    """The credential was refused, or the plan it belongs to is used up."""
    if status.get("refused"):
        return Wait("credential", None, str(status["refused"]))
    limited = float(status.get("limited_until") or 0)
    return Wait("plan", limited, "the plan's limit is reached") if limited > now else None
