"""What an agent does right now, in Discord: its clock goes on there without an edit."""

from __future__ import annotations

from agents.tools.doing import AgentActivity, Words
from vps.activity import Doing

from .text import plain

_LATEST = 8.64e12
"""The latest time Discord shows, epoch seconds."""
_WORDS = Words(
    "{what}, began {since}",
    {
        Doing.PERSON: "🙋 Waits for an answer, asked {since}, expires {ahead}: {what}",
        Doing.RETRYING: "🔁 {what} {ahead}",
        Doing.LIMITED: "⛔ Rate-limited, resets {ahead}",
        Doing.PAUSED: "⏸️ Paused: {what}, goes on {ahead}",
        Doing.SILENT: "🔇 Silent{place}: last sign of life {since}",
        Doing.HUNG: "🧊 Hung, being resumed: last sign of life {since}",
    },
    {
        Doing.PERSON: "🙋 Waits for an answer, asked {since}: {what}",
        Doing.RETRYING: "🔁 {what} under way",
        Doing.LIMITED: "⛔ Rate-limited, began {since}",
        Doing.PAUSED: "⏸️ Paused: {what}",
    },
)


def said(activity: AgentActivity, now: float, tool: str = "") -> str:
    """In a few words. `now` is when it was so, epoch seconds; `tool` is the one at work with markup, where there is such a form."""
    since, ahead = now - activity.for_ms / 1000, now + (activity.in_ms or 0) / 1000
    return _WORDS.say(activity, tool or plain(activity.what), since=_clock(since), ahead=_clock(ahead))


def _clock(epoch: float) -> str:
    return f"<t:{min(_LATEST, max(0.0, epoch)):.0f}:R>"
