"""Which signals a CLI gets that is to leave, and when, on a clock that is set by hand."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest

from vps.container import leaving
from vps.container.launch import Cli
from vps.container.leaving import KILL_AFTER_S, Leaving

GRACE_S = 8.0


class Watched(Cli):
    """Notes the signals instead of sending them."""

    def __init__(self) -> None:
        super().__init__({"PWD": "/", "HOME": "/"}, -1)
        self.signals: list[int] = []

    def signal(self, number: int) -> None:
        self.signals.append(number)


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(leaving, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def signals_after(cli: Watched, leaves: Leaving, clock: Clock, *waits_s: float) -> list[int]:
    for wait_s in waits_s:
        clock.now += wait_s
        leaves.step()
    return cli.signals


def test_one_that_is_stopped_has_its_grace_then_term_then_kill_each_once(clock: Clock) -> None:
    cli = Watched()
    leaves = Leaving(cli, GRACE_S)
    leaves.stop()
    assert signals_after(cli, leaves, clock, 0, GRACE_S - 1) == []
    assert signals_after(cli, leaves, clock, 1, KILL_AFTER_S - 1) == [signal.SIGTERM]
    assert signals_after(cli, leaves, clock, 1, 100, 100) == [signal.SIGTERM, signal.SIGKILL]


def test_one_that_is_done_and_does_not_leave_is_made_to(clock: Clock) -> None:
    cli = Watched()
    leaves = Leaving(cli, GRACE_S)
    assert not leaves.has_begun
    leaves.begin()
    assert leaves.has_begun
    assert signals_after(cli, leaves, clock, 29) == []
    leaves.begin()  # told again, it has no more time
    assert signals_after(cli, leaves, clock, 1, KILL_AFTER_S) == [signal.SIGTERM, signal.SIGKILL]


def test_one_that_nobody_asked_to_leave_gets_no_signal(clock: Clock) -> None:
    cli = Watched()
    assert signals_after(cli, Leaving(cli, GRACE_S), clock, 1_000_000) == []
