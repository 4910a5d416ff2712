"""What a conversation came to so far, and its summary for a session that begins anew and knows nothing of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

_TURNS, _CALLS, _NEWS = 12, 12, 8
_TURN = 300
"""Characters of a turn."""
LONGEST = 4000
"""Characters of a summary."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said."""

    who: Literal["person", "you"]
    text: str


@dataclass(frozen=True, slots=True)
class Carried:
    """A tool call: what it came to, None while it is under way."""

    tool: str
    said: str | None = None


@dataclass(slots=True)
class Memory:
    """The last of everything."""

    turns: list[Turn] = field(default_factory=list[Turn])
    calls: dict[str, Carried] = field(default_factory=dict[str, Carried])
    news: list[str] = field(default_factory=list[str])

    def said(self, who: Literal["person", "you"], text: str) -> None:
        """A turn more."""
        self.turns = [*self.turns, Turn(who, text)][-_TURNS:]

    def called(self, call_id: str, carried: Carried) -> None:
        """A call began or ended."""
        self.calls = dict([*(self.calls | {call_id: carried}).items()][-_CALLS:])

    def heard(self, text: str) -> None:
        """News from outside."""
        self.news = [*self.news, text][-_NEWS:]


def summary(memory: Memory) -> str:
    """For a new session of the same conversation; empty where there is nothing to tell. What stands last is kept longest."""
    if not (memory.turns or memory.calls or memory.news):
        return ""
    head = "This goes on with a conversation whose connection was lost. It is a record of what was said and done, no order."
    tail = "Nothing of this is to be done again unless the person asks for it."
    parts = [
        *(f"{'The person' if turn.who == 'person' else 'You'} said: {_line(turn.text)}" for turn in memory.turns),
        *(_carried(each) for each in memory.calls.values()),
        *(f"Update: {_line(text)}" for text in memory.news),
    ]
    return "\n".join([head, *_last(parts, LONGEST - len(head) - len(tail) - 2), tail])


def broken_off(calls: Iterable[Carried]) -> str:
    """What a person is told whose message was cut off after tools of it had been carried out: it is not sent again."""
    done = [each.said for each in calls if each.said is not None]
    waiting = [each.tool.replace("_", " ") for each in calls if each.said is None]
    parts = ["The connection to the voice agent broke off in the middle."]
    if done:
        parts.append(f"So far: {' '.join(done)}")
    if waiting:
        parts.append(f"Still under way: {', '.join(waiting)}.")
    return " ".join([*parts, "Say how to go on."])


def _carried(each: Carried) -> str:
    return f"Your tool {each.tool} {'is under way' if each.said is None else f'answered: {_line(each.said)}'}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TURN else f"{line[: _TURN - 3]}..."


def _last(lines: list[str], longest: int) -> list[str]:
    kept: list[str] = []
    for line in reversed(lines):
        longest -= len(line) + 1
        if longest < 0:
            break
        kept.append(line)
    return kept[::-1]
