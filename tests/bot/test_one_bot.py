"""One bot serves a root directory; a second one refuses, and one that lost its place ends."""

from __future__ import annotations

import asyncio
import fcntl
import json
import time
from pathlib import Path

import pytest

from bot.service import running_bot
from tests.bot.scene import RUN_S, Scene, docker
from vps import lease
from vps.errors import LeaseTaken, VpsError
from vps.host.lease import LEASE_S


def give_away(root: Path) -> None:
    """To a bot that somebody started elsewhere."""
    other = {"holder": "o" * 32, "session": "s", "label": "eve on laptop", "until": time.monotonic() + LEASE_S}
    with (root / "lease.json").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # else the one that has it may renew it in between, and take it back by that
        lease = json.loads(file.read()) | other
        file.seek(0)
        file.write(json.dumps(lease).ljust(1024))


async def test_a_second_bot_is_told_who_serves_and_what_to_do(scene: Scene, tmp_path: Path) -> None:
    other = scene.settings.model_copy(update={"AGENTFLOW_STATE_DIR": tmp_path})
    with pytest.raises(LeaseTaken) as refused:
        async with running_bot(other):
            pass
    assert str(scene.root) in str(refused.value)
    assert "since 2" in str(refused.value)
    assert "AGENTFLOW_ROOT" in refused.value.remedy
    assert scene.discord.gateway.identifies == 1


async def test_a_second_process_on_one_state_directory_is_refused(scene: Scene) -> None:
    with pytest.raises(VpsError, match=r"runs on .* already, as process \d+"):
        async with running_bot(scene.settings):
            pass


async def test_a_bot_that_was_stopped_leaves_its_place_at_once(scene: Scene, tmp_path: Path) -> None:
    await scene.stop_bot()
    other = scene.settings.model_copy(update={"AGENTFLOW_STATE_DIR": tmp_path})
    async with running_bot(other):
        pass
    await scene.start_bot()


async def test_a_bot_whose_place_another_took_shows_nothing_more_and_ends(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_RENEW_S", 0.1)
    await scene.restart_bot()
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    give_away(scene.root)
    async with asyncio.timeout(RUN_S):
        with pytest.raises(LeaseTaken, match="eve on laptop"):
            await scene.working
    assert scene.bot.is_closed()
    told, (name,) = scene.discord.transcript(thread), scene.run_directories()
    await docker("stop", name)
    async with asyncio.timeout(RUN_S):
        while not (scene.root / "runs" / name / "docker.json").exists():
            await asyncio.sleep(0.05)
    assert scene.discord.transcript(thread) == told
    (scene.root / "lease.json").unlink()
    await scene.restart_bot()
    await scene.end_of(thread)


async def test_a_lost_connection_is_no_lost_lease(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEW_S", 0.1)
    await scene.restart_bot()
    path = scene.root / "lease.json"
    await scene.ground.server.kill_sessions()
    broken = json.loads(path.read_text())["until"]
    async with asyncio.timeout(RUN_S):
        while json.loads(path.read_text())["until"] <= broken + 1:
            await asyncio.sleep(0.05)
    assert not scene.working.done()


async def test_one_that_comes_back_to_a_place_that_was_taken_ends(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.ground.server.kill_sessions()
    monkeypatch.setattr(lease, "_RENEW_S", 0.1)
    give_away(scene.root)
    async with asyncio.timeout(RUN_S):
        with pytest.raises(LeaseTaken):
            await scene.working
    (scene.root / "lease.json").unlink()
