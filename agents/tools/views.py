"""What a run looks like to a caller: one model for status, list and wait, and the readable transcript."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from agents.tools import asking
from agents.tools.asking import OpenQuestion
from agents.tools.doing import AgentActivity, action, shown
from vps.activity import Activity, Doing, activity
from vps.events import types as t
from vps.events.asked import Answered, Question
from vps.mask import Mask
from vps.models import RunRecord, Waiting
from vps.outcome import Ending, Outcome, judge, judge_turn
from vps.run import Run
from vps.tally import Tally, worked_s


class AgentView(BaseModel):
    """One agent. Times are milliseconds.

    `state` is queued, starting, running, waiting (for a person, a budget or a limit), idle (done; its next message goes on with its
    session), stopped or failed. `ending` is how its last turn or it itself ended: an `Ending`, empty while it is at work.
    """

    model_config = ConfigDict(frozen=True)

    container_id: str
    state: str
    ending: str = ""
    task: str = ""
    workspace: str = ""
    branch: str = ""
    caller: str = ""
    elapsed_ms: int = 0
    turns: int = 0
    cost_usd: float = 0.0
    model: str = ""
    given: str = ""
    """What it was started with besides its task: options that are not as built in, and where from; names of secrets."""
    last_action: str = ""
    queue_place: int | None = None
    """Where it waits to be started: 1 is the next. `waits_for` says why it does."""
    waits_for: str = ""
    questions: tuple[OpenQuestion, ...] = ()
    """What it asks people, and `answer` answers."""
    activity: AgentActivity | None = None
    """What it does right now; None where it has ended, or is between turns."""
    reason: str = ""
    remedy: str = ""
    result: str = ""
    alive: bool = False
    by_hand: bool = False
    stale_ms: int = 0
    """How old all this is, while the host cannot be asked."""

    @property
    def waiting(self) -> Waiting | None:
        """Its place in the queue, if it was not started yet."""
        return None if self.queue_place is None else Waiting(place=self.queue_place, why=self.waits_for)

    @property
    def standing(self) -> str:
        """Its state, and how it came to that, in words."""
        ending = self.ending.replace("_", " ")
        return self.state if ending in ("", self.state) else f"{self.state} ({ending})"

    @property
    def is_warm(self) -> bool:
        """Whether its CLI waits for its next message."""
        return self.alive and self.ending != ""

    @property
    def doing(self) -> str:
        """What it does right now, in words, or did last; for one that waits, its place."""
        if self.waiting:
            return str(self.waiting)
        return self.activity.summary() if self.activity else self.last_action

    def summary(self) -> str:
        """One line for a person."""
        stale = [f"as of {self.stale_ms / 1000:.0f} s ago, the VPS does not answer"] if self.stale_ms else []
        if self.by_hand:
            return " · ".join([self.container_id, self.state, "started by hand", *stale])
        parts = [
            self.container_id,
            self.standing,
            f"{self.elapsed_ms / 1000:.0f} s",
            f"{self.turns} turns",
            f"${self.cost_usd:.4f}",
        ]
        if self.alive and self.doing:
            parts.append(self.doing)
        if self.reason and self.ending not in ("", Ending.SUCCEEDED):
            parts.append(f"{self.reason} {self.remedy}".strip())
        return " · ".join([*parts, *stale])


def view(run: Run, mask: Mask) -> AgentView:
    """A run as callers see it, masked."""
    if run.record is None:
        status = run.container.status if run.container else "gone"
        return AgentView(container_id=run.name, state=status, alive=run.alive, by_hand=True)
    tally = tallied(run)
    outcome = None if run.alive else judge(tally, run.exit, run.docker)
    seen = recorded(run.record, tally, outcome, ended_at(run), mask, quiet_s=run.quiet_s, waiting=run.waiting)
    if seen.is_warm and not run.idle:  # a message is on its way to it
        return seen.model_copy(update={"state": "running", "ending": "", "reason": "", "remedy": ""})
    return seen


def recorded(
    record: RunRecord,
    tally: Tally,
    outcome: Outcome | None,
    until: float,
    mask: Mask,
    *,
    quiet_s: float,
    waiting: Waiting | None,
) -> AgentView:
    """One of our own runs, by what its log says, written to `quiet_s` seconds ago.

    `outcome` is None while it lives; `until` is its end or now, epoch seconds.
    """
    waiting, alive = None if outcome else waiting, outcome is None
    if outcome is None and tally.is_told and waiting is None:
        outcome = judge_turn(tally)
    doing = activity(tally, quiet_s, until) if outcome is None and waiting is None else None
    return AgentView(
        container_id=record.name,
        state=_ended_state(outcome) if outcome else _state(tally, waiting, doing),
        ending=outcome.ending.value if outcome else "",
        task=mask.text(record.task),
        workspace=record.workspace,
        branch=record.branch,
        caller=record.origin.caller_name or record.origin.caller,
        elapsed_ms=round(elapsed_s(record, tally, until) * 1000),
        turns=tally.turns,
        cost_usd=tally.cost_usd,
        model=tally.model,
        given=mask.text(record.given),
        last_action=mask.text(action(tally.last_action)) if tally.last_action else "",
        queue_place=waiting.place if waiting else None,
        waits_for=waiting.why if waiting else "",
        questions=asking.told(tally.asked, until, mask) if alive else (),
        activity=shown(doing, mask),
        reason=mask.text(outcome.reason) if outcome else "",
        remedy=outcome.remedy if outcome else "",
        result=mask.text(tally.result.text) if tally.result else "",
        alive=alive,
    )


def _state(tally: Tally, waiting: Waiting | None, doing: Activity | None) -> str:
    if waiting:
        return "queued"
    if doing and doing.doing in (Doing.PERSON, Doing.PAUSED, Doing.LIMITED):
        return "waiting"
    return "running" if tally.started_at else "starting"


def _ended_state(outcome: Outcome) -> str:
    if outcome.ending in (Ending.SUCCEEDED, Ending.INTERRUPTED):
        return "idle"
    return "stopped" if outcome.ending is Ending.STOPPED else "failed"


def elapsed_s(record: RunRecord, tally: Tally, until: float) -> float:
    """What its turns took until then; before the first one, the time since it was asked for."""
    if tally.turn_at is None and not tally.worked_s:
        return max(0.0, until - begun_at(record, tally))
    return worked_s(tally, until)


def begun_at(record: RunRecord, tally: Tally) -> float:
    """When it started; while it waits for that, when it was asked for. Epoch seconds."""
    return max(record.created_at, tally.started_at or 0.0)


def tallied(run: Run) -> Tally:
    """What is known of it, also of what stands before the lines at hand."""
    tally = Tally()
    for line in (*run.before, *run.lines):
        for event in line.events:
            tally.feed(event)
    tally.answers = max(tally.answers, run.turns)
    return tally


def ended_at(run: Run) -> float:
    """When it ended, or the host's clock while it has not: epoch seconds."""
    if run.exit is not None:
        return run.exit.ended_at
    if run.docker is not None and run.docker.finished_at[:4] > "0001":
        # Docker writes nanoseconds (RFC 3339); datetime knows microseconds.
        return datetime.fromisoformat(run.docker.finished_at[:19] + "+00:00").timestamp()
    return run.now


def transcript(run: Run, lines: int, *, raw: bool) -> str:
    """The last lines: of the readable transcript with the CLI's errors behind it, or of the stream itself."""
    if raw:
        text = run.raw.decode("utf-8", "replace").rstrip("\n")
    else:
        events = [event for line in run.lines for event in line.events]
        text = "\n".join(filter(None, (readable(event) for event in events)))
        if run.errors.strip():
            text += f"\n[stderr] {run.errors.strip()}"
    return "\n".join(text.split("\n")[-lines:])


def readable(event: t.Event) -> str:
    """One event as a line of text; empty for what says nothing to a person."""
    if isinstance(event, t.Text):
        return event.text
    if isinstance(event, t.ToolUse):
        return f"[{action(event)}]"
    if isinstance(event, t.ToolResult) and event.is_error:
        return f"[error] {event.text[:2000]}"
    if isinstance(event, t.ApiRetry):
        return f"[the API answered {event.status or 'nothing'}; retry {event.attempt} of {event.max_retries}]"
    if isinstance(event, t.Result):
        return f"[{event.subtype} · {event.num_turns} turns · ${event.cost_usd:.4f}]"
    return asking.readable(event) if isinstance(event, Question | Answered) else ""
