"""The tool that answers what an agent asks: its questions, its plans, its requests for permission."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools import asking
from agents.tools.agents import AgentInput, named
from agents.tools.core import Call, Output, Tool
from agents.tools.send import message_id
from agents.tools.stakes import Stake, always
from vps import answering
from vps.events.asked import Answer, Question
from vps.questions import LONGEST, headline, interpret

_NUMBERS = re.compile(r"\d{1,3}(?:\s*,\s*\d{1,3})*")


class AnswerInput(AgentInput):
    """What `answer_claude_agent` takes."""

    answer: Annotated[
        str,
        Field(max_length=LONGEST, description="an option or words; for a plan or permission yes, always or no: why"),
    ]
    question: Annotated[
        str | None, Field(default=None, max_length=40, description="its id, where the agent asks several")
    ]
    options: Annotated[
        str | None, Field(default=None, max_length=100, description="options by their numbers from 1, by comma")
    ]

    @field_validator("answer")
    @classmethod
    def _is_text(cls, value: str) -> str:
        if "\0" in value:
            raise ValueError("holds a NUL character")
        return value

    @field_validator("options")
    @classmethod
    def _is_numbers(cls, value: str | None) -> str | None:
        if value is not None and not _NUMBERS.fullmatch(value.strip()):
            raise ValueError("takes numbers by comma, such as 1,3")
        return value


class AnswerOutput(Output):
    """An answer on its way to the agent. The agent's log says by `call` that it was taken."""

    container_id: str
    question: str
    answer: str
    call: str
    asked: str = ""

    def summary(self) -> str:
        """See `Output.summary`."""
        return f"{self.asked} Answered: {self.answer}".strip()


def _meant(question: Question, given: AnswerInput) -> Answer:
    numbers = [int(number) for number in given.options.split(",")] if given.options else []
    return interpret(question, given.answer, numbers)


async def _subject(crew: Crew, given: AnswerInput) -> tuple[AnswerInput, Mapping[str, str]]:
    """The question that is open now: by the time of the yes it may be another."""
    name = await named(crew, given.container_id)
    question = (await answering.look(crew.relay, name, crew.mask)).chosen(given.question)
    meant = _meant(question, given)
    about = asking.subject(question)
    if meant.verdict == "always" and question.always:
        about["always covers"] = question.always
    if meant.words != given.answer:
        about["taken as"] = meant.words
    return given.model_copy(update={"container_id": name, "question": question.id}), about


async def _answer(crew: Crew, given: AnswerInput, call: Call) -> AnswerOutput:
    name = await named(crew, given.container_id)
    identity = message_id(call.origin.caller, call.id)
    asked = await answering.look(crew.relay, name, crew.mask)
    if (done := next((end for _, end in asked.over.values() if end.call == identity), None)) is not None:
        return AnswerOutput(container_id=name, question=done.id, answer=done.answer.words, call=identity)
    question = asked.chosen(given.question)
    answer = _meant(question, given)
    await answering.answer(crew.relay, name, question, answer, call.origin, identity)
    return AnswerOutput(
        container_id=name, question=question.id, asked=headline(question), answer=answer.words, call=identity
    )


ANSWER = Tool(
    "answer_claude_agent",
    "answer",
    "Answer what an agent asks, or approve what it wants",
    Right.RUN,
    AnswerInput,
    AnswerOutput,
    _answer,
    is_once=True,
    stakes=always(Stake.SPENDS),
    subject=_subject,
)
TOOLS = (ANSWER,)
