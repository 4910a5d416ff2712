"""What a CLI asks becomes questions in the log, and the first answer to each goes back to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vps.container import questions
from vps.container.questions import NOBODY, Questions


class Rig:
    """The questions of a CLI, with what was given to it and said in the log."""

    def __init__(self, wait_s: float = 3600.0) -> None:
        self.given: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        self.questions = Questions(lambda data: self.given.append(json.loads(data)), self._say, wait_s)

    def _say(self, subtype: str, **fields: Any) -> None:
        line = {"type": "agentflow", "subtype": subtype, "at": 1.0, **fields}
        self.said.append(line)
        self.questions.note(json.dumps(line).encode())

    def asks(self, tool: str, given: dict[str, Any], request_id: str = "request", **more: Any) -> list[dict[str, Any]]:
        """The questions that come of a request."""
        asked = {"subtype": "can_use_tool", "tool_name": tool, "input": given, "tool_use_id": "t", **more}
        self.wrote({"type": "control_request", "request_id": request_id, "request": asked})
        before = len(self.said)
        self.questions.step()
        return [line for line in self.said[before:] if line["subtype"] == "question"]

    def wrote(self, line: dict[str, Any]) -> None:
        self.questions.note(json.dumps(line, separators=(",", ":")).encode())

    def answer(self, question: dict[str, Any], by: str = "discord:1", **answer: Any) -> None:
        self.questions.obey({"op": "answer", "id": question["id"], "answer": answer, "by": by, "call": "c"})

    @property
    def response(self) -> dict[str, Any]:
        """The only one the CLI was given, of its request."""
        (given,) = self.given
        assert given["response"]["request_id"] == "request"
        assert given["response"]["subtype"] == "success"
        return given["response"]["response"]

    @property
    def ends(self) -> list[tuple[str, str]]:
        return [(line["id"], line["how"]) for line in self.said if line["subtype"] == "answered"]


def asked(*texts: str, several: bool = False) -> dict[str, Any]:
    options = [{"label": label, "description": "x" * 3000} for label in ("pg", "sqlite")]
    return {
        "questions": [{"question": text, "header": "DB", "options": options, "multiSelect": several} for text in texts]
    }


def test_the_first_answer_reaches_the_cli_and_another_counts_for_nothing() -> None:
    rig = Rig()
    (question,) = rig.asks("AskUserQuestion", asked("Which DB?"))
    assert (question["kind"], question["text"], question["several"]) == ("question", "Which DB?", False)
    assert [option["label"] for option in question["options"]] == ["pg", "sqlite"]
    assert rig.questions.are_open
    rig.answer(question, "discord:1", choices=["pg"])
    rig.answer(question, "discord:2", choices=["sqlite"])
    assert rig.response == {"behavior": "allow", "updatedInput": {**asked("Which DB?"), "answers": {"Which DB?": "pg"}}}
    (end,) = (line for line in rig.said if line["subtype"] == "answered")
    assert (end["by"], end["how"], end["answer"], end["call"]) == ("discord:1", "answered", {"choices": ["pg"]}, "c")
    assert not rig.questions.are_open


def test_several_questions_of_one_request_are_answered_one_by_one_and_given_together() -> None:
    rig = Rig()
    first, second = rig.asks("AskUserQuestion", asked("One?", "Two?", several=True))
    rig.answer(second, text="neither")
    assert rig.given == []
    rig.answer(first, choices=["pg", "sqlite"])
    assert rig.response["updatedInput"]["answers"] == {"One?": "pg, sqlite", "Two?": "neither"}


def test_a_permission_is_given_for_good_within_the_session_alone() -> None:
    rules = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "touch a"}], "behavior": "allow"}
    suggested = [
        {**rules, "destination": "localSettings"},
        {"type": "setMode", "mode": "acceptEdits", "destination": "session"},
    ]
    rig = Rig()
    (question,) = rig.asks("Bash", {"command": "touch a"}, permission_suggestions=suggested)
    assert (question["kind"], question["tool"], question["always"]) == ("permission", "Bash", "Bash(touch a)")
    rig.answer(question, verdict="always")
    assert rig.response["updatedPermissions"] == [{**rules, "destination": "session"}], "no file of a repository's"


def test_a_no_tells_the_reason() -> None:
    rig = Rig()
    (question,) = rig.asks("Bash", {"command": "rm -rf a"})
    rig.answer(question, verdict="no", text="we need it")
    assert rig.response["behavior"] == "deny"
    assert rig.response["message"].endswith("They said: we need it")


@pytest.mark.parametrize("suggests_mode", [True, False])
def test_a_yes_for_good_to_a_write_is_enough_for_the_next_one(suggests_mode: bool) -> None:
    rules = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "echo *"}], "behavior": "allow"}
    edits = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
    suggested = [{**rules, "destination": "localSettings"}, *([edits] if suggests_mode else [])]
    rig = Rig()
    (question,) = rig.asks("Bash", {"command": "echo a > b"}, permission_suggestions=suggested, blocked_path="/w/b")
    rig.answer(question, verdict="always")
    wanted = [{**rules, "destination": "session"}]
    assert rig.response["updatedPermissions"] == (wanted if suggests_mode else [*wanted, edits])
    assert question["always"] == ("Bash(echo *)" if suggests_mode else "Bash(echo *), edits of files")


@pytest.mark.parametrize(("verdict", "modes"), [("yes", None), ("always", ["bypassPermissions"])])
def test_an_approved_plan_goes_on_as_before_it_or_unasked(verdict: str, modes: list[str] | None) -> None:
    rig = Rig()
    (question,) = rig.asks("ExitPlanMode", {"plan": "# Plan"})
    assert (question["kind"], question["text"]) == ("plan", "# Plan")
    rig.answer(question, verdict=verdict)
    changed = rig.response.get("updatedPermissions")
    assert (changed and [each["mode"] for each in changed]) == modes


def test_what_nobody_answered_in_time_is_denied_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, now = Rig(wait_s=60), [1000.0]
    monkeypatch.setattr(questions.time, "time", lambda: now[0])
    first, second = rig.asks("AskUserQuestion", asked("One?", "Two?"))
    assert first["expires_at"] == 1060.0
    rig.answer(first, choices=["pg"])
    now[0] += 61
    rig.questions.step()
    assert rig.response == {"behavior": "deny", "message": NOBODY}
    assert rig.ends == [(first["id"], "answered"), (second["id"], "expired")]
    rig.answer(second, choices=["pg"])
    assert len(rig.given) == 1


def test_time_with_an_open_question_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(questions.time, "monotonic", lambda: now[0])
    rig = Rig()
    now[0] += 5
    assert rig.questions.step() == (False, 0.0)
    (question,) = rig.asks("Bash", {"command": "x"})
    now[0] += 7
    assert rig.questions.step() == (False, 7.0)
    rig.answer(question, verdict="yes")
    now[0] += 2
    assert rig.questions.step() == (True, 2.0)
    now[0] += 9
    assert rig.questions.step() == (False, 0.0)


def test_what_the_cli_takes_back_or_forgot_as_it_became_idle_is_over() -> None:
    rig = Rig()
    (first,) = rig.asks("Bash", {"command": "x"})
    (second,) = rig.asks("Bash", {"command": "y"}, "other")
    rig.wrote({"type": "control_cancel_request", "request_id": "request"})
    rig.wrote({"type": "system", "subtype": "session_state_changed", "state": "idle"})
    assert rig.ends == [(first["id"], "withdrawn"), (second["id"], "lost")]
    assert rig.given == []


def test_a_question_of_ask_user_is_ended_by_its_answer_or_its_time_and_the_cli_hears_nothing() -> None:
    rig = Rig()
    for id_, expires_at in (("a", 1e11), ("b", 5.0)):
        line = {
            "type": "agentflow",
            "subtype": "question",
            "id": id_,
            "text": "?",
            "options": ["x"],
            "expires_at": expires_at,
        }
        rig.questions.note(json.dumps(line).encode())
    rig.answer({"id": "a"}, text="yes")
    rig.questions.step()
    assert rig.ends == [("a", "answered"), ("b", "expired")]
    assert rig.given == []


def test_what_cannot_be_answered_here_is_refused_at_once() -> None:
    rig = Rig()
    rig.wrote({"type": "control_request", "request_id": "other", "request": {"subtype": "elicitation"}})
    assert rig.given[0]["response"]["subtype"] == "error"
    assert rig.asks("AskUserQuestion", {"questions": []}) == []
    assert rig.given[1]["response"]["response"]["behavior"] == "deny"
    assert not rig.questions.are_open


@pytest.mark.parametrize(
    "line", [b'{"type":"control_request"', b'{"type":"control_request","request":[]}', b'{"type":"control_request"}']
)
def test_a_line_that_is_no_request_is_passed_over(line: bytes) -> None:
    rig = Rig()
    rig.questions.note(line)
    rig.questions.step()
    assert (rig.given, rig.said) == ([], [])


def test_what_is_asked_for_is_cut_in_the_log_and_not_for_the_cli() -> None:
    rig, deep = Rig(), "x"
    given: dict[str, Any] = {"content": "y" * 9000, "list": [[[[[deep]]]]]}
    (question,) = rig.asks("Write", given)
    assert len(question["input"]["content"]) < 2100
    rig.answer(question, verdict="yes")
    assert rig.response["updatedInput"] == given
