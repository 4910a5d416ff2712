"""The one path of every call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, ConfirmationRequired, Input, NotConfirmed, NotPermitted, Output, Tool
from tests.vps.keys import KEYS
from vps.errors import BadInput, HostTimeout
from vps.mask import Mask
from vps.models import Origin


class Record:
    """The relay's part in a call: it takes the audit line, and gives a code where nobody can be asked."""

    async def ask(self, verb: str, request: dict[str, Any], *, timeout: float) -> dict[str, Any]:
        assert timeout > 0
        if verb == "confirmation-ask":
            return {"code": "abcde-23456"}
        assert verb == "audit-note"
        LINES.append(request["line"])
        return {}


LINES: list[dict[str, Any]] = []
CREW = cast("Crew", SimpleNamespace(relay=Record(), mask=Mask(())))


class Question(Input):
    word: str


class Echo(Output):
    text: str

    def summary(self) -> str:
        return self.text


async def echo(_crew: Crew, given: Question, _call: Call) -> Echo:
    return Echo(text=given.word)


async def hang(_crew: Crew, _given: Question, _call: Call) -> Echo:
    await asyncio.Event().wait()
    raise AssertionError


ECHO: Tool[Question, Echo] = Tool("echo_word", "echo", "Say it again", Right.VIEW, Question, Echo, echo)


def call(*rights: Right) -> Call:
    return Call(Origin(caller="operator:ann", surface="cli"), frozenset(rights))


@pytest.fixture(autouse=True)
def _no_lines() -> None:
    LINES.clear()


async def test_a_permitted_call_is_answered_and_audited() -> None:
    with capture_logs() as logs:
        answer = await ECHO.invoke(CREW, {"word": "hi"}, call(Right.VIEW))
    assert answer.summary() == "hi"
    wanted = {"tool": "echo_word", "caller": "operator:ann", "surface": "cli", "outcome": "ok"}
    assert [{key: line[key] for key in wanted} for line in (*logs, *LINES)] == [wanted, wanted]
    assert LINES[0]["arguments"] == {"word": "hi"}


async def test_a_caller_without_the_right_is_refused_before_the_input_is_read() -> None:
    with pytest.raises(NotPermitted, match="DISCORD_ALLOWED_USER_IDS"):
        await ECHO.invoke(CREW, {"nonsense": 1}, call(Right.RUN, Right.MANAGE))
    assert [line["outcome"].split(":")[0] for line in LINES] == ["NotPermitted"]


async def test_a_check_that_refuses_is_audited_and_one_that_passes_is_not() -> None:
    await ECHO.check(CREW, {"word": "hi"}, call(Right.VIEW))
    assert LINES == []
    with pytest.raises(BadInput):
        await ECHO.check(CREW, {}, call(Right.VIEW))
    assert len(LINES) == 1


async def test_what_wants_a_yes_is_done_after_one_only() -> None:
    async def question(_crew: Crew, given: Question) -> str:
        return f"Really {given.word}?"

    risky = replace(ECHO, confirm=question)
    asked: list[str] = []

    def with_answer(agreed: bool) -> Call:
        async def ask(question: str) -> bool:
            asked.append(question)
            return agreed

        return replace(call(Right.VIEW), confirm=ask)

    with pytest.raises(ConfirmationRequired, match="confirmation_required: Really hi"):
        await risky.invoke(CREW, {"word": "hi"}, call(Right.VIEW))
    with pytest.raises(NotConfirmed):
        await risky.invoke(CREW, {"word": "hi"}, with_answer(agreed=False))
    assert (await risky.invoke(CREW, {"word": "hi"}, with_answer(agreed=True))).text == "hi"
    assert asked == ["Really hi?", "Really hi?"]


async def test_what_it_answers_asks_tells_and_notes_is_masked_whatever_the_tool_does() -> None:
    (key,), mark = KEYS["npm token"], "[masked npm token]"
    heard: list[str] = []

    async def question(_crew: Crew, given: Question) -> str:
        return f"Really {given.word}?"

    async def work(_crew: Crew, given: Question, call: Call) -> Echo:
        await call.progress(f"at {given.word}")
        if len(heard) > 2:
            raise BadInput("word", f"{given.word} is taken.")
        return Echo(text=given.word)

    async def tell(text: str) -> None:
        heard.append(text)

    async def agree(text: str) -> bool:
        heard.append(text)
        return True

    tool = replace(ECHO, handler=work, confirm=question)
    asked = replace(call(Right.VIEW), progress=tell, confirm=agree)
    with capture_logs() as logs:
        assert (await tool.invoke(CREW, {"word": key}, asked)).text == mark
        with pytest.raises(BadInput):
            await tool.invoke(CREW, {"word": key}, asked)
    assert heard == [f"Really {mark}?", f"at {mark}"] * 2
    assert LINES[-1]["outcome"] == f"BadInput: word: {mark} is taken."
    assert key not in str((LINES, logs))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "word: is required. Give word."),
        ({"word": "a", "other": 1}, "other: is not an option. The options are word."),
        ({"word": 3}, "word: Input should be a valid string."),
    ],
)
async def test_wrong_input_is_named(raw: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        await ECHO.invoke(CREW, raw, call(Right.VIEW))
    assert str(refused.value) == said


async def test_a_call_is_bounded() -> None:
    slow = replace(ECHO, handler=hang, timeout_s=0.05)
    async with asyncio.timeout(5):
        with pytest.raises(HostTimeout, match="`echo` took more than"):
            await slow.invoke(CREW, {"word": "x"}, call(Right.VIEW))
