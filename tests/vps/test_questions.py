"""Which questions are open, and what an answer means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vps.errors import BadInput
from vps.events.asked import Answer, Answered, Question
from vps.events.parse import parse_line
from vps.questions import Asked, QuestionOver, headline, interpret, restated
from vps.tally import Tally


def question(**changes: Any) -> Question:
    own: dict[str, Any] = {"id": "q1", "kind": "question", "text": "Which DB?", "options": ["Postgres", "SQLite"]}
    return Question.model_validate(own | changes)


PERMISSION = question(
    kind="permission", text="", options=[], tool="Bash", input={"command": "rm a"}, always="Bash(rm a)"
)
PLAN = question(kind="plan", text="# Plan", options=[])
SEVERAL = question(several=True)


@pytest.mark.parametrize(
    ("asked", "text", "numbers", "means"),
    [
        (question(), "sqlite", (), Answer(choices=("SQLite",))),
        (question(), "", (1,), Answer(choices=("Postgres",))),
        (question(), "neither, I think", (), Answer(text="neither, I think")),
        (SEVERAL, "sqlite, postgres", (), Answer(choices=("SQLite", "Postgres"))),
        (SEVERAL, "sqlite and more", (), Answer(text="sqlite and more")),
        (SEVERAL, "", (2, 1, 2), Answer(choices=("SQLite", "Postgres"))),
        (PERMISSION, " Yes ", (), Answer(verdict="yes")),
        (PERMISSION, "always", (), Answer(verdict="always")),
        (PERMISSION.model_copy(update={"always": ""}), "always", (), Answer(verdict="yes")),
        (PERMISSION, "no: keep it", (), Answer(verdict="no", text="keep it")),
        (PERMISSION, "no", (), Answer(verdict="no")),
        (PERMISSION, "yes, but not that one", (), Answer(verdict="no", text="yes, but not that one")),
        (PLAN, "always", (), Answer(verdict="always")),
        (PLAN, "Nothing of it", (), Answer(verdict="no", text="Nothing of it")),
    ],
)
def test_an_answer_means(asked: Question, text: str, numbers: tuple[int, ...], means: Answer) -> None:
    assert interpret(asked, text, numbers) == means


@pytest.mark.parametrize(
    ("asked", "text", "numbers"),
    [(question(), " ", ()), (PLAN, "", ()), (question(), "", (3,)), (question(), "", (1, 2))],
)
def test_an_answer_that_means_nothing_is_refused(asked: Question, text: str, numbers: tuple[int, ...]) -> None:
    with pytest.raises(BadInput):
        interpret(asked, text, numbers)


def test_who_is_late_is_told_how_it_ended() -> None:
    asked = Asked()
    for id_ in ("a", "b", "c", "d"):
        asked.ask(question(id=id_))
    with pytest.raises(BadInput, match="asks several: a "):
        asked.chosen(None)
    asked.end(Answered(id="a", by="discord:1", by_name="ada", answer=Answer(choices=("SQLite",))))
    asked.end(Answered(id="b", how="expired"))
    asked.end(Answered(id="c", how="withdrawn"))
    assert asked.chosen(None).id == "d"
    asked.lose()
    for id_, words in (
        ("a", "ada answered this already: SQLite"),
        ("b", "expired: nobody answered in time"),
        ("c", "does not wait"),
        ("d", "expired: the agent that asked it has ended"),
        ("unknown", "expired"),
    ):
        with pytest.raises(QuestionOver, match=words):
            asked.chosen(id_)
    with pytest.raises(BadInput, match="asks nothing now"):
        asked.chosen(None)


def test_a_log_tells_what_is_open_and_a_new_container_has_nothing_open() -> None:
    tally = Tally()

    def log(subtype: str, **fields: Any) -> None:
        for event in parse_line(json.dumps({"type": "agentflow", "subtype": subtype, "at": 5.0, **fields}).encode()):
            tally.feed(event)

    log("question", id="q1", text="Which?", options=["a", {"label": "b", "description": "B"}], expires_at=60.0)
    log("question", id="q2", kind="plan", text="# Plan")
    log("question", id="not an id!", text="?")
    assert [each.id for each in tally.asked.open.values()] == ["q1", "q2"]
    assert [option.label for option in tally.asked.open["q1"].options] == ["a", "b"]
    log("answered", id="q2", how="answered", by="operator:me", answer={"verdict": "yes"})
    assert list(tally.asked.open) == ["q1"]
    log("started")
    assert tally.asked.open == {}
    assert tally.asked.over["q1"][1].how == "lost"


def test_what_was_asked_and_answered_can_be_said_again() -> None:
    assert restated(question(), Answer(choices=("SQLite",))) == (
        "Before you were interrupted you asked: Which DB?\nOptions: Postgres, SQLite\n\nThe answer is: SQLite"
    )
    assert "# Plan" in restated(PLAN, Answer(verdict="no", text="too long"))
    assert restated(PERMISSION, Answer(verdict="yes")).endswith("permission: Allow Bash rm a?\n\nThe answer is: yes")


def test_a_headline_is_one_short_line() -> None:
    assert headline(question(text="One\n\ntwo? " + "x" * 300)).startswith("One two? xxx")
    assert len(headline(question(text="x" * 300))) == 120
