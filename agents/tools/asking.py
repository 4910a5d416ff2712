"""What agents ask people, as callers see it."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict

from vps.events.asked import Answer, Answered, Kind, Question
from vps.mask import Mask
from vps.questions import Asked, headline


class OpenQuestion(BaseModel):
    """A question that waits for an answer, for `expires_in_ms` more milliseconds.

    A `plan` or `permission` takes yes, always, or no with a reason; others take options, words, or both.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: Kind
    text: str
    options: tuple[str, ...] = ()
    several: bool = False
    """Whether more than one option may be chosen."""
    expires_in_ms: int | None = None

    def summary(self) -> str:
        """One line for a person."""
        choices = ("yes", "always", "no: why") if self.kind in ("plan", "permission") else self.options
        return f"asks ({self.id}): {' '.join(self.text.split())}" + (f" [{' | '.join(choices)}]" if choices else "")


def told(asked: Asked, now: float, mask: Mask) -> tuple[OpenQuestion, ...]:
    """The open ones, masked; `now` is epoch seconds of the host's clock."""
    return tuple(_told(question, now, mask) for question in asked.open.values())


def _told(question: Question, now: float, mask: Mask) -> OpenQuestion:
    left = None if question.expires_at is None else max(0, round((question.expires_at - now) * 1000))
    text = headline(question) if question.kind == "permission" else question.text
    return OpenQuestion(
        id=question.id,
        kind=question.kind,
        text=mask.text(text),
        options=tuple(mask.text(option.label) for option in question.options),
        several=question.several,
        expires_in_ms=left,
    )


def subject(question: Question) -> dict[str, str]:
    """What a person has to see before a model answers in their name, by names; the words are an agent's."""
    if question.kind == "plan":
        return {"it asks": headline(question), "its plan": question.text}
    if question.kind == "permission":
        # Whatever the agent has put first: what is short stays whole.
        given = dict(sorted(question.input.items(), key=lambda each: len(str(each[1]))))
        return {
            "it asks": headline(question),
            "its tool": question.tool,
            "its input": json.dumps(given, ensure_ascii=False),
        }
    options = "\n".join(f"{number}. {option.label}" for number, option in enumerate(question.options, 1))
    return {"it asks": question.text or headline(question)} | ({"its options": options} if options else {})


def readable(event: Question | Answered) -> str:
    """A line of a transcript."""
    if isinstance(event, Question):
        options = " | ".join(option.label for option in event.options)
        return f"[asks: {headline(event)}{f' [{options}]' if options else ''}]"
    by = event.by_name or event.by
    return f"[{event.how}{f' by {by}' if by else ''}{_said(event.answer)}]"


def _said(answer: Answer) -> str:
    return f": {answer.words}" if answer.words else ""
