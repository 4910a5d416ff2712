"""When a bot's numbers are trouble, and what is said where no bot answers."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from agents.health import SOCKET, Backlog, Gateway, Host, Limits, Measured, ask, judged, reachable
from vps.errors import VpsError

UP = Gateway(connected=True, ever_connected=True, away_s=0, latency_ms=40, last_event_s=4000)
WELL = Measured(
    gateway=UP,
    host=Host(answers=True, silent_s=0),
    backlog=Backlog(runs=0, blocks=0, oldest_unsent_s=0),
    version="1",
)


def with_gateway(**changes: Any) -> Measured:
    return WELL.model_copy(update={"gateway": UP.model_copy(update={"connected": False} | changes)})


def silent(seconds: float) -> Measured:
    return WELL.model_copy(update={"host": Host(answers=False, silent_s=seconds)})


def waiting(seconds: float) -> Measured:
    return WELL.model_copy(update={"backlog": Backlog(runs=1, blocks=3, oldest_unsent_s=seconds)})


@pytest.mark.parametrize("now", [WELL, with_gateway(away_s=59), silent(59), waiting(299)])
def test_a_short_interruption_is_no_trouble(now: Measured) -> None:
    assert judged(now, Limits()).ok


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        (with_gateway(ever_connected=False, away_s=1), "Not connected to Discord yet."),
        (with_gateway(away_s=61), "Not connected to Discord for 61 s."),
        (silent(61), "The VPS has not answered for 61 s."),
        (waiting(301), "What agents wrote waits to be sent for 301 s."),
    ],
)
def test_a_long_one_is_named(now: Measured, problem: str) -> None:
    found = judged(now, Limits())
    assert (found.ok, found.problems) == (False, (problem,))


def test_limits_are_the_askers() -> None:
    strict = Limits(gateway_s=0, host_s=0, unsent_s=0)
    assert judged(WELL, strict).ok
    assert not any(judged(now, strict).ok for now in (with_gateway(away_s=0.1), silent(0.1), waiting(0.1)))


async def test_where_no_bot_runs_it_says_so_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(VpsError, match=r"No bot answers on .*no such file") as refused:
        await ask(tmp_path, Limits())
    assert "agentflow bot" in refused.value.remedy


async def test_a_socket_that_a_killed_bot_left_is_no_bot(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left, reachable(tmp_path) as path:
        left.bind(path)
    with pytest.raises(VpsError, match="No bot answers"):
        await ask(tmp_path, Limits())


async def test_a_directory_with_a_long_path_is_reached_too(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener, reachable(deep) as path:
        listener.bind(path)
    assert (deep / SOCKET).is_socket()
