"""A plain message in a run's thread while its agent asks one thing is the answer to that: its CLI would take it only later.

So it is where the agent has ended since: then it is told both, because its session does not hold what it asked.
"""

from __future__ import annotations

from agents.crew import Crew
from agents.tools.answer import ANSWER
from agents.tools.core import Call
from agents.tools.send import message_id
from vps import answering
from vps.errors import BadInput, NoSuchRun, RunEnded
from vps.questions import LONGEST, Asked, QuestionOver, interpret, restated


async def open_question(crew: Crew, run: str) -> str | None:
    """The one that is open, where it is the only one."""
    try:
        asked = await answering.look(crew.relay, run, crew.mask)
    except (NoSuchRun, RunEnded):
        return None
    return next(iter(asked.open)) if len(asked.open) == 1 else None


async def unless_answer(crew: Crew, run: str, text: str, call: Call, only: str | None = None) -> str | None:
    """What the agent is to be told; None where the text was taken for an answer, now or before. `only` is the question it may
    answer.

    Raises what `ANSWER` does for who may not.
    """
    try:
        asked = await answering.look(crew.relay, run, crew.mask)
    except (NoSuchRun, RunEnded):
        return text
    if any(end.call == message_id(call.origin.caller, call.id) for _, end in asked.over.values()):
        return None
    question = next(iter(asked.open)) if len(asked.open) == 1 else None
    if question is None or only not in (None, question) or len(text) > LONGEST:
        return _told(asked, text)
    try:
        await ANSWER.invoke(crew, {"container_id": run, "question": question, "answer": text}, call)
    except (QuestionOver, BadInput):
        return text  # somebody was faster
    return None


def _told(asked: Asked, text: str) -> str:
    lost = list(asked.lost.values())
    return restated(lost[0], interpret(lost[0], text)) if len(lost) == 1 and not asked.open else text
