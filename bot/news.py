"""News of a run for the conversations of the person it works for: that it ended, that it asks, that it has trouble.

What an agent wrote is quoted in it, and is data to whoever reads it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from bot.render.spoken import speakable
from bot.render.text import shorten
from vps.events.asked import Question
from vps.events.types import Event, Supervisor, Text
from vps.mask import Mask
from vps.models import RunRecord
from vps.outcome import Ending, Outcome, judge_turn
from vps.tally import Tally

_TASK, _QUOTED = 80, 200
"""Characters."""
_TELLING_S = 30.0
_MOST_UNTOLD = 20
_ID = re.compile(r"\bclaude-agent-[\w-]+|\b(?=[a-f]*\d)[0-9a-f]{7,}\b")
_ENDS = {
    Ending.SUCCEEDED: "is done",
    Ending.INTERRUPTED: "was interrupted",
    Ending.STOPPED: "was stopped",
    Ending.TIMED_OUT: "ran out of time",
    Ending.LIMITED: "reached a limit",
    Ending.OUT_OF_MEMORY: "ran out of memory",
    Ending.VANISHED: "is gone",
    Ending.HUNG: "hung",
    Ending.REFUSED: "was refused by the model",
}


class News:
    """Of one run. What stands in the first `known` bytes of its log is none."""

    def __init__(self, tell: Callable[[str, str], Awaitable[None]], record: RunRecord, known: int, mask: Mask) -> None:
        self._tell, self._person, self._known = tell, record.origin.person, known
        self._task, self._is_child = mask.text(record.task), bool(record.kin.parent)
        self._tasks: set[asyncio.Task[None]] = set()

    def feed(self, start: int, event: Event, tally: Tally) -> None:
        """An event at that byte of its log, which the tally has taken up."""
        if start < self._known:
            return
        if isinstance(event, Supervisor) and event.subtype == "turn_ended":
            self._say(ended(self._task, judge_turn(tally)), is_end=True)
        else:
            self._say(sentence(self._task, event))

    def ended(self, size: int, outcome: Outcome) -> None:
        """It has ended, with a log of that size; of which that is told once."""
        if size > self._known:
            self._known = size
            self._say(ended(self._task, outcome), is_end=True)

    async def close(self) -> None:
        """Once what was to be told is told."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _say(self, text: str, *, is_end: bool = False) -> None:
        # A child's end is its parent's business.
        if text and not (is_end and self._is_child) and len(self._tasks) < _MOST_UNTOLD:
            task = asyncio.create_task(self._told(text), name="tell news")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _told(self, text: str) -> None:
        async with asyncio.timeout(_TELLING_S):
            await self._tell(self._person, text)


def sentence(task: str, event: Event) -> str:
    """What is said of an event, without ids and links; empty where nothing is."""
    if isinstance(event, Question):
        asked = _quoted(event.text, _QUOTED)
        return f"{_agent(task)} asks: {asked}" if asked else f"{_agent(task)} asks you something."
    if isinstance(event, Text) and event.error and event.parent is None:
        return f"{_agent(task)} has trouble: {_quoted(event.text, _QUOTED) or 'the model does not answer.'}"
    return ""


def ended(task: str, outcome: Outcome) -> str:
    """What is said of a turn's or a run's end."""
    if outcome.ending is Ending.SUCCEEDED:
        return f"{_agent(task)} is done."
    what = _ENDS.get(outcome.ending, "failed")
    return f"{_agent(task)} {what}: {_quoted(outcome.reason, _QUOTED)}" if outcome.reason else f"{_agent(task)} {what}."


def _agent(task: str) -> str:
    return f"The agent that was to {_quoted(task, _TASK)}" if speakable(task) else "An agent"


def _quoted(text: str, most: int) -> str:
    said = shorten(speakable(_ID.sub("that", text)), most).replace('"', "'")
    return f'"{said}"' if said else ""
