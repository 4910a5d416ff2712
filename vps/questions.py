"""Questions that agents ask people: which are open, what an answer means, and how to say both again. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from vps.errors import BadInput, VpsError
from vps.events.asked import Answer, Answered, Question

LONGEST = 4000
"""Characters of an answer: as many as a message in Discord may have."""
_YES = frozenset({"yes", "y", "ok", "okay", "allow", "approve", "approved", "yes."})
_ALWAYS = frozenset({"always", "always allow"})
_NO = re.compile(r"(?:no|n|deny|denied|reject|rejected)(?:$|[\s:,.;!–—-]+)", re.IGNORECASE)
_MOST_OVER = 100
_HEADLINE = 120


class QuestionOver(VpsError):
    """The question takes no answer any more; `end` tells why, if that is known."""

    def __init__(
        self, message: str, *, remedy: str = "Tell the agent in a message.", end: Answered | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.end = end


@dataclass(slots=True)
class Asked:
    """The questions of one run, from its log's events in order."""

    open: dict[str, Question] = field(default_factory=dict[str, Question])
    over: dict[str, tuple[Question | None, Answered]] = field(
        default_factory=dict[str, tuple[Question | None, Answered]]
    )
    """How the last ones ended, by id."""
    lost: dict[str, Question] = field(default_factory=dict[str, Question])
    """Those that went with their container, until the next turn begins."""

    def ask(self, question: Question) -> None:
        """It is asked, or asked again."""
        self.over.pop(question.id, None)
        self.open[question.id] = question

    def end(self, end: Answered) -> None:
        """It is over."""
        self.over[end.id] = self.open.pop(end.id, None), end
        while len(self.over) > _MOST_OVER:
            del self.over[next(iter(self.over))]

    def lose(self) -> None:
        """The agent's container has ended, and what it asked with it."""
        self.lost.update(self.open)
        for id_ in list(self.open):
            self.end(Answered(id=id_, how="lost"))

    def chosen(self, given: str | None) -> Question:
        """The open question of an id, or the only one. Raises QuestionOver, or BadInput where it takes an id."""
        if given is None and len(self.open) == 1:
            return next(iter(self.open.values()))
        if given is None:
            if not self.open:
                raise BadInput("question", "the agent asks nothing now.", remedy="Say it with `send`.")
            known = ", ".join(f"{each.id} ({headline(each)[:40]})" for each in self.open.values())
            raise BadInput("question", f"the agent asks several: {known}.", remedy="Name one.")
        if given in self.open:
            return self.open[given]
        raise over(self.over[given][1] if given in self.over else None)


def over(end: Answered | None) -> QuestionOver:
    """Why a question takes no answer."""
    if end is None or end.how == "lost":
        return QuestionOver(
            "This question has expired: the agent that asked it has ended or was started anew.", end=end
        )
    if end.how == "answered":
        return QuestionOver(
            f"{end.by_name or end.by or 'Somebody'} answered this already: {end.answer.words}.", end=end
        )
    if end.how == "withdrawn":
        return QuestionOver("The agent does not wait for this answer any more.", end=end)
    return QuestionOver("This question has expired: nobody answered in time.", end=end)


def headline(question: Question) -> str:
    """What is asked, on one line of at most 120 characters."""
    if question.kind == "plan":
        return "Approve its plan?"
    if question.kind == "permission":
        subject = next((value for value in question.input.values() if isinstance(value, str) and value.strip()), "")
        return _line(f"Allow {question.tool} {subject}").rstrip("? ") + "?"
    return _line(question.text) or "(an empty question)"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _HEADLINE else line[: _HEADLINE - 1].rstrip() + "…"


def interpret(question: Question, text: str, numbers: Sequence[int] = ()) -> Answer:
    """What somebody means who answers with this text, or with the options of these numbers, from 1. Raises BadInput.

    To a plan or permission anything but a plain yes is a no, with the text as its reason.
    """
    text = text.strip()
    if question.is_verdict:
        return _verdict(question, text)
    if numbers:
        return _choice(question, [_numbered(question, number) for number in numbers], text)
    if not text:
        raise BadInput("answer", "is empty.", remedy="Give an option or words of your own.")
    parts = [part.strip() for part in re.split(r"[,\n]", text)] if question.several else [text]
    labels = {option.label.strip().casefold(): option.label for option in question.options}
    found = [labels[part.casefold()] for part in parts if part.casefold() in labels]
    return Answer(choices=tuple(dict.fromkeys(found))) if len(found) == len(parts) else Answer(text=text)


def _verdict(question: Question, text: str) -> Answer:
    word = text.casefold()
    if word in _ALWAYS and (question.always or question.kind == "plan"):
        return Answer(verdict="always")
    if word in _YES | _ALWAYS:
        return Answer(verdict="yes")
    if not text:
        raise BadInput("answer", "is empty.", remedy="Give yes, always, or no with a reason.")
    return Answer(verdict="no", text=_NO.sub("", text, count=1))


def _numbered(question: Question, number: int) -> str:
    if not 1 <= number <= len(question.options):
        raise BadInput("options", f"there is no option {number}.", remedy=f"There are {len(question.options)}.")
    return question.options[number - 1].label


def _choice(question: Question, labels: Sequence[str], text: str) -> Answer:
    if len(labels) > 1 and not question.several:
        raise BadInput("options", "takes one here.", remedy="Choose one, or answer in words.")
    return Answer(choices=tuple(dict.fromkeys(labels)), text=text)


def restated(question: Question, answer: Answer) -> str:
    """Both as words to an agent that was started anew since: its session does not hold a question that was open (measured)."""
    if question.kind == "plan":
        asked = f"Before you were interrupted you asked for approval of this plan:\n\n{question.text}"
    elif question.kind == "permission":
        asked = f"Before you were interrupted you asked for permission: {headline(question)}"
    else:
        options = f"\nOptions: {', '.join(option.label for option in question.options)}" if question.options else ""
        asked = f"Before you were interrupted you asked: {question.text}{options}"
    return f"{asked}\n\nThe answer is: {answer.words}"
