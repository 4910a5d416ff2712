"""When an answer is over."""

from __future__ import annotations

import asyncio

import pytest

from agents.voice.errors import VoiceUnavailable
from agents.voice.session import Heard
from agents.voice.turn import Dropped, Exchange, Pace

PACE = Pace(quiet_s=0.05, complete_s=0.01, after_tool_s=0.1, answer_s=30)


async def fed(*heard: Heard, pace: Pace = PACE) -> str:
    exchange = Exchange(pace)
    waiting = asyncio.create_task(exchange.answer())
    for each in heard:
        await asyncio.sleep(0)
        exchange.feed(each)
    return await waiting


def said(text: str) -> Heard:
    return Heard("said", text)


async def test_words_before_and_after_a_tool_are_one_answer() -> None:
    assert await fed(said("Let me see."), Heard("calling"), Heard("answered"), said("Two.")) == "Let me see. Two."


async def test_a_correction_takes_the_place_of_what_was_said() -> None:
    assert await fed(said("Two agents."), Heard("corrected", "Two", "Two agents.")) == "Two"


async def test_a_result_nobody_speaks_about_ends_it_after_a_while() -> None:
    assert await fed(said("Let me see."), Heard("calling"), Heard("answered")) == "Let me see."


async def test_a_complete_answer_is_over_sooner() -> None:
    slow = Pace(quiet_s=60, complete_s=0.01, answer_s=60)
    async with asyncio.timeout(30):
        assert await fed(said("Done."), Heard("complete"), pace=slow) == "Done."


@pytest.mark.parametrize("before", [[], [said("Let me see."), Heard("calling")]])
async def test_an_end_in_the_middle_is_told(before: list[Heard]) -> None:
    with pytest.raises(Dropped, match="broke off: quota"):
        await fed(*before, Heard("ended", "quota"))


async def test_a_call_of_an_earlier_message_that_ends_in_this_one_holds_nothing_up() -> None:
    async with asyncio.timeout(20):
        assert await fed(Heard("answered", call=1), said("Two.")) == "Two."
    late = Heard("answered", call=1)
    assert await fed(said("Let me see."), Heard("calling", call=2), late, Heard("answered", call=2), said("Two.")) == (
        "Let me see. Two."
    )


async def test_an_end_after_the_answer_is_none() -> None:
    assert await fed(said("Bye."), Heard("ended")) == "Bye."


async def test_silence_is_bounded() -> None:
    with pytest.raises(VoiceUnavailable, match="did not answer in time"):
        await fed(pace=Pace(answer_s=0.2))
