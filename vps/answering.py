"""Answers on their way to an agent: the client of `vps.host.inbox` for them."""

from __future__ import annotations

import json
import uuid

from vps.errors import NoSuchRun
from vps.events.asked import Answer, Question
from vps.mask import Mask
from vps.models import Origin
from vps.questions import Asked, QuestionOver, over
from vps.relay import Relay
from vps.run import run_of
from vps.tally import Tally

_ASKING_S = 15.0
_OURS = uuid.UUID("0d0f3a83-7a4e-5f0e-9d6c-3f3d0b6f6c52")


async def look(relay: Relay, name: str, mask: Mask) -> Asked:
    """The questions of a run whose container lives, as its log tells them. Raises NoSuchRun."""
    described = await relay.ask("describe", {"name": name, "tail": 1}, timeout=_ASKING_S)
    run = run_of(described["runs"][0], None, described["now"], mask)
    tally = Tally()
    for line in (*run.before, *run.lines):
        for event in line.events:
            tally.feed(event)
    if not run.alive:
        tally.asked.lose()
    return tally.asked


async def answer(relay: Relay, name: str, question: Question, answer: Answer, by: Origin, call: str) -> None:
    """Give a question its answer. The first one counts, and the same one again: raises QuestionOver for another, NoSuchRun.

    `call` is an id of the call's own (a UUID), which the log tells with the answer.
    """
    identity = str(uuid.uuid5(_OURS, f"{name}\0{question.id}\0{question.at}"))
    order = {
        "type": "agentflow",
        "op": "answer",
        "uuid": identity,
        "id": question.id,
        "answer": answer.model_dump(exclude_defaults=True),
        "by": by.caller,
        "by_name": by.caller_name,
        "call": call,
    }
    found = await relay.ask("say", {"name": name, "id": identity, "line": json.dumps(order)}, timeout=_ASKING_S)
    if found["state"] == "missing":
        raise NoSuchRun(name)
    if found["state"] == "known" and not found["same"]:
        _, end = (await look(relay, name, Mask())).over.get(question.id, (None, None))
        raise over(end) if end else QuestionOver("Somebody else answered this already.")
    if found["state"] not in ("queued", "known"):
        raise over(None)
