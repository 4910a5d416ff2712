"""What an agent asks people: a message with something to press, and who answered what once that was done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from agents.tools.stakes import visible
from vps.events.asked import Answered, Question
from vps.events.types import ToolUse

from . import fields
from .blocks import Attachment
from .drafts import Draft
from .text import HUGE, fence, inline_code, one_line, plain, shorten, width
from .tool_subjects import subject

WORD = "question:"
"""What the word for it among a block's asks begins with; JSON follows."""
LONG = 700
"""A longer text goes into messages of its own before the question."""
_LABEL, _BUTTON, _LINE, _LIST, _SHOWN, _SAID = 80, 100, 200, 900, 700, 500
_SIGNS = {"plan": "📋", "permission": "🔐"}
_ENDS = {
    "expired": "⌛ Nobody answered in time.",
    "withdrawn": "⏹️ The agent does not wait for an answer any more.",
    "lost": "⏹️ The agent ended before anybody answered. Reply here: it wakes with your answer.",
}
_CONTENT = ("command", "new_string", "content", "prompt", "url")


@dataclass(slots=True)
class QuestionDraft(Draft):
    """One question. `asker` is a mention of whoever the agent works for; `end` is there once it is over."""

    question: Question | None = None
    asker: str = ""
    workspace: str = ""
    end_of_it: Answered | None = None

    @property
    def sealed(self) -> bool:
        """It changes once more: when it is over."""
        return self.end_of_it is not None

    @property
    def asked(self) -> tuple[str, ...]:
        """See `Draft.asked`."""
        return ("ping", word(self.question)) if self.question and self.end_of_it is None else ()

    def content(self) -> tuple[str, tuple[Attachment, ...]]:
        """What is asked, and how to answer or how it ended."""
        assert self.question is not None
        last = _hint(self.question) if self.end_of_it is None else ending(self.end_of_it)
        return "\n".join([f"{self.asker} {_body(self.question, self.workspace)}".strip(), last]), ()


def word(question: Question) -> str:
    """What the buttons have to know of it."""
    known = {
        "id": question.id,
        "kind": question.kind,
        "options": [[_word(option.label), _word(option.description)] for option in question.options],
        "several": question.several,
        "always": bool(question.always) or question.kind == "plan",
    }
    return WORD + json.dumps(known, ensure_ascii=False)


def _word(text: str) -> str:
    return shorten(" ".join(plain(text).split()), _BUTTON)


def before(question: Question) -> str:
    """What is too long to stand in the question's own message: a plan, mostly."""
    return question.text if question.kind == "plan" or width(question.text) > LONG else ""


def ending(end: Answered) -> str:
    """How it ended, and by whom."""
    if end.how != "answered":
        return _ENDS[end.how]
    said, by = end.answer.text, _by(end)
    if end.answer.verdict is None:
        return f"✅ **{one_line(end.answer.words, _SAID)}** · {by}"
    if end.answer.verdict == "no":
        return f"🚫 Not approved · {by}" + (f"\n> {one_line(said, _SAID)}" if said else "")
    return f"✅ Approved{', also from now on' if end.answer.verdict == 'always' else ''} · {by}"


def _by(end: Answered) -> str:
    kind, _, number = end.by.partition(":")
    return (
        f"<@{number}>"
        if kind == "discord" and number.isdecimal()
        else one_line(end.by_name or end.by or "somebody", 100)
    )


def _body(question: Question, workspace: str) -> str:
    sign = _SIGNS.get(question.kind, "❓")
    if question.kind == "plan":
        return f"{sign} **Approve this plan?**"
    if question.kind == "permission":
        return "\n".join([f"{sign} {_wanted(question, workspace)}", *_details(question)])
    head = f"**{one_line(question.header, _LABEL)}** · " if question.header.strip() else ""
    text = "An answer, please." if before(question) else plain(question.text).strip() or "…"
    return "\n".join([f"{sign} {head}{text}", *_options(question)])


def _wanted(question: Question, workspace: str) -> str:
    return f"Allow {subject(ToolUse('', question.tool, question.input), workspace)}?"


def _details(question: Question) -> list[str]:
    content = fields.text(question.input, *_CONTENT).expandtabs(4)
    # What a person lets be done they have to see, also signs that a terminal or Discord would not show.
    seen = "\n".join(map(visible, content.split("\n")))
    is_apart = "\n" in content or width(content) > _LABEL or seen != content
    shown = [fence(shorten(plain(seen), _SHOWN))] if is_apart else []
    why = [one_line(question.text, _LINE)] if question.text.strip() and question.text.expandtabs(4) != content else []
    always = [f"-# Always, until it sleeps: {inline_code(question.always, _LINE)}"] if question.always else []
    return [*shown, *why, *always]


def _options(question: Question) -> list[str]:
    lines, room = list[str](), _LIST
    for option in question.options:
        about = f" – {one_line(option.description, _LINE)}" if option.description.strip() else ""
        line = f"- **{one_line(option.label, _LABEL)}**{about}"
        room -= width(line) + 1
        if room < 0:
            return [*lines, "- …"]
        lines.append(line)
    return lines


def _hint(question: Question) -> str:
    at = question.expires_at
    until = f" It expires <t:{at:.0f}:R>." if at is not None and 0 <= at < HUGE else ""
    how = "Press a button" if question.is_verdict or question.options else "Press the button"
    again = f" Asked {question.attempt} of {question.attempts} times." if question.attempt > 1 else ""
    return f"-# {how}, or reply here.{until}{again}"


def known(words: Sequence[str]) -> dict[str, object] | None:
    """What `word` told, of a block's asks."""
    found = next((each for each in words if each.startswith(WORD)), None)
    return json.loads(found.removeprefix(WORD)) if found else None
