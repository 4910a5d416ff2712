"""What an agent does right now, as callers see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from vps.activity import Activity, Doing
from vps.events import types as t
from vps.mask import Mask

_SUBJECTS = ("command", "file_path", "pattern", "url", "query", "description", "skill", "prompt", "path")


class AgentActivity(BaseModel):
    """Milliseconds: it has lasted `for_ms`; what it waits for comes in `in_ms`, where that is known."""

    model_config = ConfigDict(frozen=True)

    doing: Doing
    what: str = ""
    """The tool and what it works on, or what is wrong with the API and which retry this is."""
    for_ms: int = 0
    in_ms: int | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether somebody may want to know of it."""
        return self.doing not in (Doing.STARTING, Doing.THINKING, Doing.TOOL)

    def summary(self) -> str:
        """In a few words, with durations."""
        return _WORDS.say(self, self.what, since=_lasting(self.for_ms), ahead=_lasting(self.in_ms or 0))


@dataclass(frozen=True, slots=True)
class Words:
    """How a surface says each kind, the most of them as `usual`; `endless` where nobody knows when what is waited for comes.

    In them stand {what}, {place}, {since} and {ahead}.
    """

    usual: str
    special: Mapping[Doing, str]
    endless: Mapping[Doing, str]

    def say(self, activity: AgentActivity, what: str, *, since: str, ahead: str) -> str:
        """One activity; the times are in the surface's own form."""
        words = self.special.get(activity.doing, self.usual)
        if activity.in_ms is None:
            words = self.endless.get(activity.doing, words)
        place = f" in {what}" if what else ""
        return words.format(what=what or activity.doing.value, place=place, since=since, ahead=ahead)


_WORDS = Words(
    "{what} for {since}",
    {
        Doing.PERSON: "waits for an answer for {ahead} more: {what}",
        Doing.RETRYING: "{what} in {ahead}",
        Doing.LIMITED: "rate-limited, resets in {ahead}",
        Doing.PAUSED: "paused: {what}, goes on in {ahead}",
        Doing.SILENT: "silent for {since}{place}",
        Doing.HUNG: "hung for {since}, being resumed",
    },
    {
        Doing.PERSON: "waits for an answer for {since}: {what}",
        Doing.RETRYING: "{what} under way",
        Doing.LIMITED: "rate-limited for {since}",
        Doing.PAUSED: "paused: {what}",
    },
)


def shown(activity: Activity | None, mask: Mask) -> AgentActivity | None:
    """An activity without our secrets."""
    if activity is None:
        return None
    what = action(activity.tool) if activity.tool else activity.what
    in_ms = round(activity.in_s * 1000) if activity.in_s is not None else None
    return AgentActivity(doing=activity.doing, what=mask.text(what), for_ms=round(activity.for_s * 1000), in_ms=in_ms)


def action(use: t.ToolUse) -> str:
    """A tool call in a few words: the tool and what it works on."""
    subject = next((str(use.input[key]) for key in _SUBJECTS if use.input.get(key)), "")
    first = subject.strip().splitlines()[0] if subject.strip() else ""
    return f"{use.name} {first[:80]}".strip()


def _lasting(ms: int) -> str:
    seconds = max(0, ms) // 1000
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"
