"""A CLI whose requests wait is frozen before it gives up, and wakes when they go on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from vps.container import pause
from vps.container.launch import Cli
from vps.container.pause import Pause


@pytest.fixture
def cli() -> Iterator[Cli]:
    made = Cli({"PWD": "/", "HOME": "/"}, -1)
    with subprocess.Popen(["sleep", "60"]) as process:
        made.pid = process.pid
        yield made
        process.kill()


def changed(cli: Cli, how: int) -> bool:
    """Wait until it was stopped (WSTOPPED) or goes on (WCONTINUED); wait(2)."""
    return os.waitid(os.P_PID, cli.pid, how) is not None


def test_it_is_frozen_once_the_pause_is_long_and_wakes_at_its_end(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    paused = Pause(cli)
    paused.begin()
    paused.step()
    assert paused.is_on
    assert os.waitid(os.P_PID, cli.pid, os.WSTOPPED | os.WNOHANG) is None

    monkeypatch.setattr(pause, "_FREEZE_S", 0.0)
    paused.step()
    assert changed(cli, os.WSTOPPED)
    assert paused.end() > 0
    assert changed(cli, os.WCONTINUED)
    assert not paused.is_on


def test_an_end_without_a_pause_took_no_time(cli: Cli) -> None:
    assert Pause(cli).end() == 0.0
