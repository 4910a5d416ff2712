"""A run's events so far, as far as status, card and judgement need them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch

from vps.events import types as t
from vps.events.asked import Answered, Question
from vps.questions import Asked


@dataclass(slots=True)
class Tally:
    """`refusal`, `error` and `last_retry` are the last turn's."""

    session_id: str = ""
    model: str = ""
    cost_usd: float = 0.0
    result: t.Result | None = None
    refusal: t.Refusal | None = None
    limit: t.RateLimit | None = None
    retry: t.ApiRetry | None = None
    """The wait that is on now."""
    last_retry: t.ApiRetry | None = None
    in_turn: bool = False
    """Whether a turn began that has given no result yet."""
    error: str | None = None
    started_at: float | None = None
    """When it started first."""
    turn_at: float | None = None
    """When the turn at hand began; None between turns, as far as the supervisor tells."""
    is_told: bool = False
    """Whether a turn has ended, and none has begun since."""
    worked_s: float = 0.0
    """What the turns before took."""
    last_turn_s: float = 0.0
    """What the last one of them took. In it `last_answers` API messages came, for `last_cost_usd`."""
    last_answers: int = 0
    last_cost_usd: float = 0.0
    before: tuple[int, float] = (0, 0.0)
    """Answers and cost at the beginning of the turn at hand."""
    last_action: t.ToolUse | None = None
    thinking: bool = False
    idle: bool = False
    changes: t.Changes | None = None
    timed_out: bool = False
    running: dict[str, tuple[t.ToolUse, float | None]] = field(
        default_factory=dict[str, tuple[t.ToolUse, float | None]]
    )
    """Tools without a result, by id, and when they were called as far as `feed` was told."""
    waiting: bool = False
    """For a person."""
    asked: Asked = field(default_factory=Asked)
    """What people are asked."""
    blocked: bool = False
    """A limit was reached, and the model has said nothing since."""
    compacting: bool = False
    paused: t.Gateway | None = None
    """Why its requests wait at the gateway, while they do."""
    hung: bool = False
    at: float | None = None
    """When the event at hand was written."""
    cost_before: float = 0.0
    """Of the CLIs before the one that works now: each counts anew."""
    answers: int = 0
    answer_id: str = ""

    @property
    def turns(self) -> int:
        """API messages of the main agent, over all its turns: what `max_turns` counts."""
        return self.answers

    def feed(self, event: t.Event, at: float | None = None) -> None:
        """Take one event in; `at` is when it was written, in epoch seconds, where that is known."""
        self.at = at
        _take(event, self)


@singledispatch
def _take(_event: object, _tally: Tally) -> None:
    """The other events tell nothing here."""


@_take.register
def _take_init(event: t.Init, tally: Tally) -> None:
    tally.session_id, tally.model = event.session_id, event.model
    tally.in_turn = True
    tally.idle = tally.waiting = tally.compacting = tally.hung = False
    tally.paused = None
    tally.running.clear()
    tally.refusal = tally.error = tally.retry = tally.last_retry = None


@_take.register
def _take_text(event: t.Text, tally: Tally) -> None:
    tally.thinking, tally.retry = False, None
    if event.parent is None:
        tally.error = event.error or tally.error
    tally.blocked = tally.blocked and bool(event.error)
    _count(tally, event)


def _count(tally: Tally, event: t.Text | t.Thinking | t.ToolUse) -> None:
    if event.parent is None and event.message_id and event.message_id != tally.answer_id:
        tally.answer_id = event.message_id
        tally.answers += 1


@_take.register
def _take_tool(event: t.ToolUse, tally: Tally) -> None:
    tally.last_action, tally.thinking, tally.retry, tally.blocked = event, False, None, False
    tally.running.setdefault(event.id, (event, tally.at))
    _count(tally, event)


@_take.register
def _take_thinking(event: t.Thinking, tally: Tally) -> None:
    tally.thinking, tally.retry = True, None
    _count(tally, event)


@_take.register
def _take_tokens(_event: t.ThinkingTokens, tally: Tally) -> None:
    tally.thinking, tally.retry = True, None


@_take.register
def _take_tool_result(event: t.ToolResult, tally: Tally) -> None:
    tally.running.pop(event.tool_use_id, None)


@_take.register
def _take_status(event: t.Status, tally: Tally) -> None:
    tally.compacting = event.status == "compacting"


@_take.register
def _take_result(event: t.Result, tally: Tally) -> None:
    tally.result, tally.retry, tally.thinking, tally.in_turn = event, None, False, False
    tally.running.clear()
    tally.cost_usd = max(tally.cost_usd, tally.cost_before + event.cost_usd)
    tally.session_id = tally.session_id or event.session_id


@_take.register
def _take_retry(event: t.ApiRetry, tally: Tally) -> None:
    tally.retry = tally.last_retry = event


@_take.register
def _take_limit(event: t.RateLimit, tally: Tally) -> None:
    tally.limit, tally.blocked = event, event.status == "rejected"


@_take.register
def _take_refusal(event: t.Refusal, tally: Tally) -> None:
    tally.refusal = event


@_take.register
def _take_state(event: t.SessionState, tally: Tally) -> None:
    tally.idle, tally.waiting = event.state == "idle", event.state == "requires_action"
    tally.in_turn = tally.in_turn and not tally.idle


@_take.register
def _take_gateway(event: t.Gateway, tally: Tally) -> None:
    if event.subtype in ("paused", "unpaused"):
        tally.paused = event if event.subtype == "paused" else None


@_take.register
def _take_question(event: Question, tally: Tally) -> None:
    tally.asked.ask(event)


@_take.register
def _take_answered(event: Answered, tally: Tally) -> None:
    tally.asked.end(event)


@_take.register
def _take_supervisor(event: t.Supervisor, tally: Tally) -> None:
    if event.subtype in ("started", "ended"):
        tally.asked.lose()
    if event.subtype == "started":
        _begin(tally, event.at)
    elif event.subtype == "turn_started":
        tally.asked.lost.clear()
        tally.turn_at, tally.is_told, tally.timed_out = event.at, False, False
        tally.before, tally.changes = (tally.answers, tally.cost_usd), None
    elif event.subtype == "turn_ended":
        _end_turn(tally, event)
    tally.timed_out = tally.timed_out or event.subtype == "timeout"
    tally.changes = event.changes or tally.changes
    if event.subtype in ("hung", "resumed"):
        tally.hung = event.subtype == "hung"
    if event.reason == "replaced":
        tally.cost_before = tally.cost_usd
        tally.running.clear()


def _begin(tally: Tally, at: float) -> None:
    """A CLI of its own: what another one before had open, or gave, is over."""
    if tally.started_at is not None:
        tally.worked_s, tally.turn_at = worked_s(tally, tally.at or at), None
        tally.cost_before, tally.result = tally.cost_usd, None
        tally.in_turn = tally.idle = tally.waiting = tally.hung = tally.blocked = tally.compacting = False
        tally.paused = tally.retry = None
        tally.running.clear()
    tally.started_at = tally.started_at or at


def _end_turn(tally: Tally, event: t.Supervisor) -> None:
    worked = worked_s(tally, event.at)
    tally.last_turn_s, tally.worked_s = worked - tally.worked_s, worked
    tally.last_answers, tally.last_cost_usd = tally.answers - tally.before[0], tally.cost_usd - tally.before[1]
    tally.turn_at, tally.is_told, tally.changes = None, True, event.changes


def worked_s(tally: Tally, until: float) -> float:
    """Seconds that its turns took, until then."""
    return tally.worked_s + (max(0.0, until - tally.turn_at) if tally.turn_at is not None else 0.0)
