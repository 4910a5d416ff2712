"""A turn's deadline, and what the keeper reads of it, on a clock that is set by hand."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vps.container import standstill, turn
from vps.container.inbox import Inbox
from vps.container.turn import Turn

TIMEOUT_S, IDLE_S = 60.0, 30.0


class Desk:
    """A turn and its file. Epoch and monotonic clock are the same here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.now = 1000.0
        clock: Callable[[], float] = lambda: self.now  # noqa: E731  one for all four
        for module in (turn, standstill):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock, time=clock))
        self._file = directory / "turn.json"
        monkeypatch.setattr(turn.paths, "TURN", str(self._file))
        (directory / "inbox").touch()
        self.turn = Turn(TIMEOUT_S, IDLE_S, Inbox(str(directory / "inbox")))

    @property
    def is_told(self) -> bool:
        return self._file.exists()

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self._file.read_bytes())


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    return Desk(monkeypatch, tmp_path)


def test_what_is_given_during_a_turn_begins_none_and_gives_it_no_more_time(desk: Desk) -> None:
    assert desk.turn.begin()
    desk.now += TIMEOUT_S - 1
    assert not desk.turn.begin()
    assert not desk.turn.is_late
    desk.now += 1
    assert desk.turn.is_late
    assert desk.told == {"deadline": 1060.0, "idle": False, "read": 0}


def test_a_turn_that_cannot_be_told_of_leaves_no_deadline_of_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.turn.begin()
    with monkeypatch.context() as full:
        full.setattr(turn, "write_atomically", no_room)
        desk.turn.end()
        desk.turn.write()
    assert not desk.is_told
    desk.now += TIMEOUT_S
    desk.turn.begin()
    assert desk.told["deadline"] == 1120.0


def no_room(_path: str, _data: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_time_that_stands_still_for_whatever_reasons_is_added_to_the_deadline(desk: Desk) -> None:
    desk.turn.begin()
    desk.turn.stand_still("a question", on=True)
    assert desk.told["deadline"] is None
    desk.now += 100
    desk.turn.stand_still("a call", on=True)
    desk.turn.stand_still("a question", on=False)
    assert desk.turn.stands_still
    assert not desk.turn.is_late
    desk.now += 50
    desk.turn.stand_still("a call", on=False)
    assert desk.told["deadline"] == 1000.0 + TIMEOUT_S + 150
    desk.now += TIMEOUT_S
    assert desk.turn.is_late


def test_an_idle_one_stays_warm_for_its_time_or_until_somebody_waits_for_it(desk: Desk) -> None:
    desk.turn.begin()
    assert not desk.turn.has_idled()
    desk.turn.end()
    desk.turn.write()
    assert desk.told == {"deadline": None, "idle": True, "read": 0}
    assert not desk.turn.has_idled()
    desk.turn.hurry()
    assert desk.turn.has_idled()
    assert not desk.turn.has_idled(10.0)


def test_hurry_lasts_until_the_next_turn(desk: Desk) -> None:
    desk.turn.hurry()
    desk.turn.begin()
    desk.turn.end()
    assert not desk.turn.has_idled()
    desk.now += IDLE_S
    assert desk.turn.has_idled()


def test_the_last_turn_leaves_nothing_warm(desk: Desk) -> None:
    desk.turn.begin()
    desk.turn.is_last = True
    desk.turn.end()
    desk.turn.write()
    assert not desk.told["idle"]
