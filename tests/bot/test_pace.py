"""Turns at Discord: a few at once, then evenly, in the order in which they were asked for."""

from __future__ import annotations

import asyncio

import pytest

from bot import pace
from bot.pace import Pace


class Clock:
    """Time that passes where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    monkeypatch.setattr(pace, "asyncio", made)
    return made


async def test_a_quiet_bot_has_some_at_once_and_then_an_even_pace(clock: Clock) -> None:
    turns, at = Pace(per_second=40.0), list[float]()
    for _ in range(90):
        await turns.turn()
        at.append(clock.now - 1000.0)

    assert at[:10] == [0.0] * 10
    assert at[-1] == pytest.approx(79 / 40)
    for start in range(len(at) - 50):
        assert at[start + 50] - at[start] > 0.99, "more than 50 within a second"


async def test_the_line_is_told_and_is_gone_after_a_while(clock: Clock) -> None:
    turns = Pace(per_second=10.0)
    for _ in range(12):
        await turns.turn()
    assert turns.line_s == pytest.approx(0.1)
    clock.now += 60.0
    assert turns.line_s == 0.0
    at = clock.now
    await turns.turn()
    assert clock.now == at


async def test_who_asked_first_is_first() -> None:
    turns, order = Pace(per_second=1000.0), list[int]()

    async def one(number: int) -> None:
        await turns.turn()
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(30)))
    assert order == list(range(30))
