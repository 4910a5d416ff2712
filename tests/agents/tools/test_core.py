"""The one path of every call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, Input, NotPermitted, Output, Tool
from vps.errors import BadInput, HostTimeout
from vps.models import Origin

# None of these tools touches it.
NO_CREW = cast("Crew", None)


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


async def test_a_permitted_call_is_answered_and_logged() -> None:
    with capture_logs() as logs:
        answer = await ECHO.invoke(NO_CREW, {"word": "hi"}, call(Right.VIEW))
    assert answer.summary() == "hi"
    wanted: dict[str, Any] = {
        "event": "call",
        "tool": "echo_word",
        "caller": "operator:ann",
        "surface": "cli",
        "outcome": "ok",
    }
    assert [{key: line[key] for key in wanted} for line in logs] == [wanted]


async def test_a_caller_without_the_right_is_refused_before_the_input_is_read() -> None:
    with capture_logs() as logs, pytest.raises(NotPermitted, match="DISCORD_ALLOWED_USER_IDS"):
        await ECHO.invoke(NO_CREW, {"nonsense": 1}, call(Right.RUN, Right.MANAGE))
    assert logs[0]["outcome"] == "NotPermitted"


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
        await ECHO.invoke(NO_CREW, raw, call(Right.VIEW))
    assert str(refused.value) == said


async def test_a_call_is_bounded() -> None:
    slow = replace(ECHO, handler=hang, timeout_s=0.05)
    async with asyncio.timeout(5):
        with pytest.raises(HostTimeout, match="`echo` took more than"):
            await slow.invoke(NO_CREW, {"word": "x"}, call(Right.VIEW))
