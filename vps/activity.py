"""What an agent does right now: a pure function of its events so far and of how long ago the last one was."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vps.events import types as t
from vps.events.asked import Question
from vps.questions import headline
from vps.tally import Tally

SILENT_AFTER_S = 45.0
"""Without any event that nothing explains. Shown within a minute, with what a card takes to change."""
TOOL_S = 600.0
"""What the CLI gives its own tools at most, unless told otherwise (BASH_MAX_TIMEOUT_MS)."""
_UNDER_WAY_S = 1.0
"""A wait that was over this long ago has become the next attempt."""
_LONGEST_S = 1e9
_SUBAGENTS = frozenset({"Agent", "Task"})
"""Their own events come through the same log: silence is theirs too."""

_API = {
    "overloaded": "API overloaded",
    "rate_limit": "API rate limit",
    "authentication_failed": "API refuses the credential",
    "oauth_org_not_allowed": "API refuses the organisation",
    "billing_error": "API refuses the account",
    "server_error": "API error",
    "model_not_found": "API does not know the model",
}


class Doing(StrEnum):
    """The kinds a person has to tell apart."""

    STARTING = "starting"
    THINKING = "thinking"
    TOOL = "tool"
    PERSON = "waiting_for_a_person"
    RETRYING = "retrying"
    LIMITED = "rate_limited"
    PAUSED = "paused"
    SILENT = "silent"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class Activity:
    """`for_s` seconds it has lasted, or since the last event where its beginning is unknown; `in_s` until what it waits for."""

    doing: Doing
    for_s: float
    in_s: float | None = None
    tool: t.ToolUse | None = None
    what: str = ""
    """What is wrong with the API and which retry this is, what it thinks about or asks people, or why it is paused."""


def activity(tally: Tally, quiet_s: float, now: float) -> Activity | None:
    """None between turns. `quiet_s` seconds ago the last event was written; `now` is epoch seconds of the same clock."""
    if tally.hung:
        return Activity(Doing.HUNG, quiet_s)
    if tally.paused:
        return _paused(tally.paused, quiet_s, now)
    if tally.asked.open:
        return _asking(next(iter(tally.asked.open.values())), quiet_s, now)
    if tally.waiting:
        return Activity(Doing.PERSON, quiet_s, what="a question")
    if tally.model and not tally.in_turn:
        return None
    return _limited(tally, quiet_s, now) or _retrying(tally, quiet_s) or _working(tally, quiet_s, now)


def _working(tally: Tally, quiet_s: float, now: float) -> Activity:
    use, at = _tool(tally)
    if quiet_s > SILENT_AFTER_S and not _explains(use, quiet_s):
        return Activity(Doing.SILENT, quiet_s, tool=use)
    if use:
        return Activity(Doing.TOOL, quiet_s if at is None else max(0.0, now - at), tool=use)
    if tally.compacting:
        return Activity(Doing.THINKING, quiet_s, what="compacting the conversation")
    return Activity(Doing.THINKING if tally.model else Doing.STARTING, quiet_s)


def _asking(question: Question, quiet_s: float, now: float) -> Activity:
    """The first one, where there are several."""
    for_s = max(0.0, now - question.at) if question.at else quiet_s
    in_s = max(0.0, question.expires_at - now) if question.expires_at is not None else None
    return Activity(Doing.PERSON, for_s, in_s, what=headline(question))


def _paused(event: t.Gateway, quiet_s: float, now: float) -> Activity:
    in_s = event.until - now if event.until is not None and 0 < event.until - now < _LONGEST_S else None
    return Activity(Doing.PAUSED, quiet_s, in_s, what=event.text)


def _limited(tally: Tally, quiet_s: float, now: float) -> Activity | None:
    resets_at = tally.limit.resets_at if tally.limit else None
    if not tally.blocked or (resets_at is not None and resets_at <= now):
        return None
    in_s = resets_at - now if resets_at is not None and resets_at - now < _LONGEST_S else None
    return Activity(Doing.LIMITED, quiet_s, in_s)


def _retrying(tally: Tally, quiet_s: float) -> Activity | None:
    retry = tally.retry
    if retry is None:
        return None
    in_s = retry.delay_ms / 1000 - quiet_s
    if in_s < -SILENT_AFTER_S:
        return None
    what = f"{trouble(retry)}, retry {retry.attempt} of {retry.max_retries}"
    return Activity(Doing.RETRYING, quiet_s, in_s if -_UNDER_WAY_S < in_s < _LONGEST_S else None, what=what)


def trouble(retry: t.ApiRetry) -> str:
    """Why the API is asked again."""
    if retry.status is None:
        return "API not reachable"
    return f"{_API.get(retry.error, 'API error')} ({retry.status})"


def _tool(tally: Tally) -> tuple[t.ToolUse | None, float | None]:
    """The one that was called last of those that run; a subagent only where it has called none itself."""
    tools = list(tally.running.values())
    own = [tool for tool in tools if tool[0].name not in _SUBAGENTS]
    return (own or tools)[-1] if tools else (None, None)


def _explains(use: t.ToolUse | None, quiet_s: float) -> bool:
    if use is None or use.name in _SUBAGENTS:
        return False
    return quiet_s <= TOOL_S or use.name.startswith("mcp__")
