"""Since when something waits to be shown, as the log is read and shown."""

from __future__ import annotations

import pytest

from bot import backlog
from bot.backlog import Backlog


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(backlog, "time", made)
    return made


def test_nothing_waits_before_anything_was_read(clock: Clock) -> None:
    assert Backlog().oldest_s == 0


def test_what_was_shown_does_not_wait_and_what_came_later_does(clock: Clock) -> None:
    log = Backlog()
    log.arrived(100)
    clock.now += 10
    log.arrived(200)
    clock.now += 5
    assert log.oldest_s == 15
    log.shown(100)
    assert log.oldest_s == 5
    log.shown(200)
    assert log.oldest_s == 0


def test_an_agent_that_never_pauses_is_no_backlog_while_messages_follow(clock: Clock) -> None:
    log = Backlog()
    for second in range(3600):
        log.arrived(second * 100 + 100)
        clock.now += 1
        log.shown(second * 100)
        assert log.oldest_s <= 2


def test_hours_without_discord_take_little_memory(clock: Clock) -> None:
    log = Backlog()
    for step in range(200 * 60):
        log.arrived(step)
        clock.now += 0.005
    assert len(log) <= 61
    assert log.oldest_s == pytest.approx(60)


def test_an_end_waits_until_the_run_is_told(clock: Clock) -> None:
    log = Backlog()
    log.arrived(100)
    log.shown(100)
    log.ended()
    clock.now += 7
    log.shown(100)
    assert log.oldest_s == 7


def test_a_reading_from_the_beginning_forgets_nothing_that_waited(clock: Clock) -> None:
    log = Backlog()
    log.arrived(300)
    clock.now += 60
    log.arrived(100)
    log.shown(100)
    assert log.oldest_s == 60
    log.arrived(300)
    log.shown(300)
    assert log.oldest_s == 0
