"""What an agent does right now, in Discord: its clock goes on there without an edit."""

from __future__ import annotations

from agents.tools.doing import AgentActivity
from vps.activity import Doing

from .text import plain

_LATEST = 8.64e12
"""The latest time Discord shows, epoch seconds."""
_WORDS = {
    Doing.STARTING: ("{what}, began {began}", ""),
    Doing.THINKING: ("{what}, began {began}", ""),
    Doing.TOOL: ("{what}, began {began}", ""),
    Doing.PERSON: ("🙋 Waiting for a person, asked {began}", ""),
    Doing.RETRYING: ("🔁 {what} {ahead}", "🔁 {what} under way"),
    Doing.LIMITED: ("⛔ Rate-limited, resets {ahead}", "⛔ Rate-limited, began {began}"),
    Doing.SILENT: ("🔇 Silent{place}: last sign of life {began}", ""),
    Doing.HUNG: ("🧊 Hung, being resumed: last sign of life {began}", ""),
}
"""The words for each, and those where nobody knows when what it waits for comes."""


def said(activity: AgentActivity, now: float, tool: str = "") -> str:
    """In a few words. `now` is when it was so, epoch seconds; `tool` is the one at work with markup, where there is such a form."""
    template, without = _WORDS[activity.doing]
    words = template if activity.in_ms is not None or not without else without
    known = tool or plain(activity.what)
    began, ahead = now - activity.for_ms / 1000, now + (activity.in_ms or 0) / 1000
    place = f" in {known}" if known else ""
    return words.format(what=known or activity.doing.value, place=place, began=_clock(began), ahead=_clock(ahead))


def _clock(epoch: float) -> str:
    return f"<t:{min(_LATEST, max(0.0, epoch)):.0f}:R>"
