"""What systemd is told."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    name = f"/tmp/agentflow-notify-{secrets.token_hex(4)}"
    abstract = request.param == "abstract"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind("\0" + name if abstract else name)
        made.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        yield made
    Path(name).unlink(missing_ok=True)


def test_lines_come_as_one_datagram(manager: socket.socket) -> None:
    systemd.notify("READY=1", "STATUS=Up.")
    assert manager.recv(1024) == b"READY=1\nSTATUS=Up."


async def test_a_loop_that_turns_says_so_in_time(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    turning = asyncio.create_task(systemd.watchdog())
    for _ in range(3):
        assert await asyncio.to_thread(manager.recv, 1024) == b"WATCHDOG=1"
    turning.cancel()


@pytest.mark.parametrize(("usec", "pid"), [("", ""), ("soon", ""), ("1000", "1")])
async def test_without_a_watchdog_for_this_process_nothing_is_said(
    usec: str, pid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    async with asyncio.timeout(5):
        assert await systemd.watchdog() is None


@pytest.mark.parametrize("path", ["", "/nowhere/at/all", "@agentflow-nobody"])
def test_where_nobody_listens_nothing_happens(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    systemd.notify("READY=1")
    assert os.environ["NOTIFY_SOCKET"] == path
