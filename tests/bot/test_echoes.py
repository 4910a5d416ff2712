"""A thread's listener learns which messages were taken, whether it was there before the log was read or came later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest

from bot.echoes import Echoes
from bot.listener import Listener
from vps.events.asked import Answered
from vps.events.types import Edited, Event, UserMessage


class Ear:
    """What a listener was told."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.late: list[str] = []

    def took(self, ids: Iterable[str]) -> None:
        self.taken.extend(ids)

    def kept(self, ids: Iterable[str]) -> None:
        self.late.extend(ids)


@pytest.fixture(params=["before", "after"])
def is_there(request: pytest.FixtureRequest) -> bool:
    return request.param == "before"


def heard(*events: Event, is_there: bool) -> Ear:
    ear, echoes = Ear(), Echoes()
    if is_there:
        echoes.listen(cast("Listener", ear))
    for event in events:
        echoes.feed(event)
    if not is_there:
        echoes.listen(cast("Listener", ear))
    return ear


def test_messages_and_answers_that_the_cli_took_are_told_and_its_own_nudges_are_not(*, is_there: bool) -> None:
    events = (
        UserMessage("go on", "m-1", is_replay=True),
        UserMessage("a nudge", "m-2", is_synthetic=True),
        Answered(id="q1", call="m-3"),
        Answered(id="q2", how="expired"),
    )
    assert sorted(heard(*events, is_there=is_there).taken) == ["m-1", "m-3"]


def test_words_in_the_place_of_a_messages_count_as_that_message(*, is_there: bool) -> None:
    ear = heard(Edited("m-1", "m-1.2"), UserMessage("better", "m-1.2", is_replay=True), is_there=is_there)
    assert (ear.taken, ear.late) == (["m-1"], [])


def test_an_edit_that_came_too_late_is_told_and_one_that_takes_back_is_not(*, is_there: bool) -> None:
    ear = heard(Edited("m-1", "m-1.2", is_late=True), Edited("m-2"), is_there=is_there)
    assert (ear.taken, ear.late) == ([], ["m-1"])
