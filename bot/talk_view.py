"""What an answer of the text agent shows: its words, and a line for each tool call. Pure, but for what it is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from agents.talk.loop import How
from agents.talk.prompt import CALLABLE
from bot.render.blocks import Attachment, attachment
from bot.render.text import count, inline_code, money, one_line, plain, shorten, split

LIMIT = 1900
_PAGES = 5
"""Messages that an answer takes; what is longer becomes a file."""
_RESULT = 120
_SUBJECTS = ("container_id", "workspace_name", "repo_url", "host", "name", "task")
_SIGNS = {"running": "⏳", "asked": "❓", "done": "✅", "failed": "❌", "declined": "🚫", "stopped": "⏹️"}
_SAYS = {
    "asked": "waits for your yes below",
    "declined": "declined",
    "stopped": "stopped in the middle: it may have been done",
}

State = Literal["running", "asked", "done", "failed", "declined", "stopped"]
Masked = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class CallLine:
    """A tool call."""

    id: str
    tool: str
    about: str
    state: State = "running"
    text: str = ""

    def shown(self) -> str:
        """One line."""
        says = _SAYS.get(self.state, self.text)
        parts = [
            f"{_SIGNS[self.state]} {inline_code(self.tool, 60)}",
            inline_code(self.about, 100) if self.about else "",
        ]
        return " ".join(filter(None, [*parts, f"· {one_line(says, _RESULT)}" if says else ""]))


class View:
    """An answer under way; see `agents.talk.loop.Watch`. `changes` counts what changed, `doing` is what it is at besides."""

    def __init__(self) -> None:
        self.entries: list[str | CallLine] = []
        self.changes = 0
        self.doing = "thinking"

    def words(self, text: str) -> None:
        """See `Watch.words`."""
        if self.entries and isinstance(self.entries[-1], str):
            self.entries[-1] += text
        else:
            self.entries.append(text)
        self._tell("")

    def again(self) -> None:
        """See `Watch.again`."""
        if self.entries and isinstance(self.entries[-1], str):
            self.entries.pop()
        self._tell("the connection broke; asking again")

    def began(self, call: str, tool: str, given: Mapping[str, Any]) -> None:
        """See `Watch.began`."""
        known = CALLABLE.get(tool)
        about = next((str(given[name]) for name in _SUBJECTS if name in given), "")
        self.entries.append(CallLine(call, known.verb if known else tool, about))
        self._tell("")

    def step(self, call: str, text: str) -> None:
        """See `Watch.step`."""
        self._change(call, text=text)

    def asks(self, call: str, *, over: bool) -> None:
        """See `Watch.asks`."""
        self._change(call, state="running" if over else "asked")

    def ended(self, call: str, how: How, text: str) -> None:
        """See `Watch.ended`."""
        self._change(call, state=how, text=text)
        self._tell("thinking")

    def status(self, text: str) -> None:
        """What is done before the model is asked."""
        self._tell(text)

    def stop(self) -> None:
        """Whatever is under way was broken off."""
        for line in [
            line for line in self.entries if isinstance(line, CallLine) and line.state in ("running", "asked")
        ]:
            self._change(line.id, state="declined" if line.state == "asked" else "stopped")

    def _change(self, call: str, **changes: Any) -> None:
        self.entries = [
            replace(each, **changes) if isinstance(each, CallLine) and each.id == call else each
            for each in self.entries
        ]
        self.changes += 1

    def _tell(self, status: str) -> None:
        self.doing = status
        self.changes += 1


def live(view: View, masked: Masked) -> str:
    """One message: the last of what there is. A word that may not be complete yet waits: half a key would not be known for one."""
    entries = list(view.entries)
    if entries and isinstance(entries[-1], str):
        entries[-1] = re.sub(r"\S+$", "", entries[-1])
    status = f"-# ⏳ {one_line(masked(view.doing), 200)}" if view.doing else "-# ⏳"
    room = LIMIT - 250
    pieces = split(_text(entries, masked), room)
    return f"{pieces[-1]}\n{status}" if pieces else status


def final(view: View, note: str, masked: Masked, *, calls: int, usd: float) -> tuple[list[str], tuple[Attachment, ...]]:
    """All of it as messages, the last with what a person has to know of the end and what it cost; what is too long is in a file."""
    text = _text(view.entries, masked)
    cost = f"-# {count(calls, 'call')} · {money(usd)}" if calls or usd else ""
    end = "\n".join(filter(None, [shorten(plain(masked(note)), 1000), cost]))
    room = LIMIT - len(end) - 1
    pieces, files = split(text, room), ()
    if len(pieces) > _PAGES:
        files = (attachment("answer.md", text),)
        pieces = [*pieces[: _PAGES - 1], "The whole answer is in the file."]
    if not pieces:
        return [end or "(no words)"], files
    return [*pieces[:-1], f"{pieces[-1]}\n{end}".rstrip()], files


def _text(entries: list[str | CallLine], masked: Masked) -> str:
    parts, before = list[str](), False
    for each in entries:
        is_call = isinstance(each, CallLine)
        text = each.shown() if isinstance(each, CallLine) else plain(masked(each)).strip()
        if text:
            parts += ["\n" if is_call and before else "\n\n", masked(text) if is_call else text]
            before = is_call
    return "".join(parts[1:])
