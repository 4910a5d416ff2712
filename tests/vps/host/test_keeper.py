"""What the keeper makes of what it sees, with a stand-in for the `docker` command and an engine that says what a test wants."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.vps.host.test_starts import Host, host_at
from vps.host import engine as engine_module
from vps.host import gateway, starts
from vps.host import keeper as module
from vps.host.engine import Engine
from vps.host.keeper import Keeper


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return host_at(tmp_path, monkeypatch)


def container(finished_at: float = 0.0) -> dict[str, Any]:
    """One that ended."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(finished_at))
    state = {"Status": "exited", "ExitCode": 0, "OOMKilled": False, "StartedAt": "", "FinishedAt": text, "Error": ""}
    return {"Id": "c0ffee", "State": state}


class Seen(Engine):
    """Tells of the given containers; `later` is what happens before the keeper comes to look at what it was told."""

    def __init__(self, root: Path, told: dict[str, dict[str, Any]], later: Any) -> None:
        super().__init__(str(root))
        self._told, self._later = told, later

    async def containers(self) -> dict[str, dict[str, Any]] | None:
        return self._told

    async def is_going(self) -> bool:
        self._later()
        return False


async def test_a_run_that_started_after_it_had_looked_has_not_vanished(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, starting = host.run(1), host.run(2)
    host.admit(stopped)
    (host.file(starting, "start.json")).write_text(json.dumps({"commands": []}))
    real = time.time

    def takes_its_time() -> None:
        host.file(starting, "out/out.jsonl").write_text("{}\n")
        starts.settle(str(host.root), starting)
        monkeypatch.setattr(module.time, "time", lambda: real() + 20.0)

    keeper = Keeper(str(host.root))
    keeper._engine = Seen(host.root, {stopped: container()}, takes_its_time)  # pyright: ignore[reportPrivateUsage]  it makes its own
    await keeper._sweep()  # pyright: ignore[reportPrivateUsage]  run() goes on for as long as there are runs
    assert host.ending(stopped)["state"] == "exited"
    assert not host.file(starting, "docker.json").exists()


async def test_a_gateway_that_does_not_start_does_not_end_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    name = host.run(1)
    host.admit(name)
    tried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs(_root: str) -> None:
        loop.call_soon_threadsafe(tried.set)
        raise subprocess.TimeoutExpired("docker", 60)

    monkeypatch.setattr(gateway, "revive", hangs)
    for name, value in (("_PATIENCE", 0), ("_SWEEP_S", 0.01)):
        monkeypatch.setattr(module, name, value)
    running = asyncio.create_task(Keeper(str(host.root)).run())
    try:
        for _ in range(2):
            tried.clear()
            async with asyncio.timeout(10):
                await tried.wait()
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_what_ended_with_an_engine_that_stays_away_for_long_went_with_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, real = Engine(str(host.root)), time.time
    (host.bin / "away").touch()
    assert await engine.is_going()
    ended = container(real())
    monkeypatch.setattr(engine_module.time, "time", lambda: real() + 300.0)
    # Whoever listens or asks finds it gone again and again.
    assert await engine.is_going()
    (host.bin / "away").unlink()
    assert await engine.containers() == {}
    assert engine.took(ended)


async def test_what_ends_after_the_engine_is_back_did_not_go_with_it(host: Host) -> None:
    engine, now = Engine(str(host.root)), time.time()
    assert not engine.took(container(now))
    (host.bin / "away").touch()
    assert await engine.is_going()
    assert await engine.containers() is None
    assert engine.took(container(now))
    (host.bin / "away").unlink()
    assert await engine.containers() == {}
    assert engine.took(container(now))
    assert not engine.took(container(time.time() + 60))
