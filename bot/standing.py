"""How one run stands by what was read of its log, and what its card shows of that."""

from __future__ import annotations

import time

from agents.crew import Crew
from agents.tools.views import AgentView, elapsed_s, recorded
from bot.render.activity import said
from bot.render.card import CardView
from bot.thread import asker
from vps.follower import End, Fault
from vps.models import RunRecord, Waiting
from vps.outcome import Ending, Outcome, judge, judge_turn
from vps.tally import Tally

_WARM = "💬 Reply to go on."
_ASLEEP = "💤 The next reply wakes it."
_FAULTS = {
    "missing": "The run's log is gone from the host.",
    "shrank": "The run's log became shorter: somebody changed it. Nothing of it is shown any more.",
    "replaced": "The run's log was replaced by another file. Nothing of it is shown any more.",
    "unreadable": "Where the run's log should be, there is no regular file.",
}


class Standing:
    """What is known of one run: whoever reads its log says so here. Times are epoch seconds."""

    def __init__(self, crew: Crew, record: RunRecord) -> None:
        self._crew = crew
        self._record = record
        self.tally = Tally()
        self.heard = time.time()
        """When something was written to the log last."""
        self.waiting: Waiting | None = None
        self.ended: End | Fault | None = None
        self.parent = ""
        """A mention of the thread of the agent that started it."""

    @property
    def state(self) -> str:
        """Of the run, as far as its log was read."""
        if self.ended:
            return "finished"
        return "queued" if self.waiting else "running" if self.tally.model else "starting"

    @property
    def until(self) -> float:
        """Its end, or now."""
        if isinstance(self.ended, End) and self.ended.exit is not None:
            return self.ended.exit.ended_at
        return time.time()

    def outcome(self, end: End | Fault) -> Outcome:
        """How it ended."""
        if isinstance(end, Fault):
            return Outcome(Ending.VANISHED, _FAULTS.get(end.what, end.what), "Look at the host with `agentflow list`.")
        return judge(self.tally, end.exit, end.docker)

    def recorded(self, outcome: Outcome | None, until: float) -> AgentView:
        """As commands show it; `outcome` is None while it lives, `until` its end or now."""
        quiet_s = max(0.0, time.time() - self.heard)
        return recorded(
            self._record, self.tally, outcome, until, self._crew.mask, quiet_s=quiet_s, waiting=self.waiting
        )

    def card(self, outcome: Outcome | None, last_action: str) -> CardView:
        """What its card shows; `outcome` is None while it lives."""
        tally, ended = self.tally, outcome is not None
        note = ""
        if tally.is_told and not self.waiting and (outcome is None or outcome.ending is not Ending.STOPPED):
            outcome, note = judge_turn(tally), _ASLEEP if ended else _WARM
        last_action, note = ("", note) if outcome else self._doing(last_action)
        return CardView(
            name=self._record.name,
            task=self._record.task,
            workspace=self._record.workspace,
            branch=self._record.branch,
            state="finished" if outcome else self.state,
            ending=outcome.ending if outcome else None,
            reason="",
            remedy="",
            elapsed_ms=elapsed_s(self._record, tally, self.until) * 1000,
            turns=tally.turns,
            cost_usd=tally.cost_usd,
            model=tally.model,
            last_action=last_action,
            note=note,
            given=self._crew.mask.text(self._record.given),
            asked_by=mention(self._record) or self._record.origin.caller_name,
            can_stop=not ended,
            can_interrupt=tally.turn_at is not None and not ended,
            parent=self.parent,
        )

    def _doing(self, last_action: str) -> tuple[str, str]:
        """What it does, and what it waits for, as far as anybody can tell. Discord's own clock goes on while nothing else does."""
        last_action, now = self._crew.mask.text(last_action), time.time()
        since = self._crew.relay.silent_since
        if since is not None:
            return last_action, f"⚠️ The VPS does not answer: last heard of <t:{since:.0f}:R>. The agent goes on there."
        if self.waiting:
            return "", f"🕓 {self.waiting}".replace("place", "Place", 1)
        seen = self.recorded(None, now)
        doing = seen.activity
        if doing is None:
            return last_action, ""
        # Another tool than the last one called may still be at work.
        words = said(doing, now, last_action if doing.what == seen.last_action else "")
        return (last_action, words) if doing.is_trouble else (words, "")


def mention(record: RunRecord) -> str:
    """Of the one who asked for the run."""
    found = asker(record)
    return f"<@{found}>" if found else ""
