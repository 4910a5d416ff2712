"""Long work shows its steps and its end, also when Discord has trouble or has forgotten the interaction."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.bot.scene import RUN_S, Scene
from tests.discord_standin.faults import Fault, Kind
from tests.vps.git_remote import GitRemote

ORIGINAL = re.compile(r"/webhooks/.*/messages/@original")


@pytest.fixture
async def scene(git_scene: Scene, remote: GitRemote) -> Scene:
    # Enough files for a clone with steps to tell.
    await remote.repository("api", {f"file{at}.txt": f"{at}\n" * 100 for at in range(300)})
    return git_scene


async def test_a_clone_shows_its_steps_in_the_answer_and_no_oftener_than_it_may(
    scene: Scene, remote: GitRemote
) -> None:
    held = scene.discord.faults.order(Fault(Kind.HOLD, "PATCH", ORIGINAL))
    cloning = await scene.slash("workspace clone", repo_url=f"{remote.url}/owner/api.git")
    await held.gate.reached.wait()
    held.gate.open()
    await cloning.shows(f"🏗️ Cloning {remote.url}/owner/api.git", RUN_S)
    await cloning.shows("api · main", RUN_S)
    edits = scene.discord.requests("PATCH", ORIGINAL.pattern)
    steps = [call.at for call in edits if "🏗️" in str(call.body)]
    assert steps
    # They leave 1.5 s apart; on the way to Discord an earlier one may lose some of that.
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(steps))


async def test_discords_trouble_with_a_step_does_not_end_the_work(scene: Scene, remote: GitRemote) -> None:
    scene.discord.faults.order(Fault(Kind.STATUS, "PATCH", ORIGINAL, status=400, code=50035, message="no"))
    cloning = await scene.slash("workspace clone", repo_url=f"{remote.url}/owner/api.git")
    await cloning.shows("api · main", RUN_S)
    assert scene.discord.faults.unused == []


async def test_an_answer_after_fifteen_minutes_comes_by_direct_message(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    waiting = await scene.slash("wait", container_id=name)
    late = await scene.slash("wait", container_id=name, timeout="5s")
    for interaction in (waiting, late):
        await interaction.answered()
        interaction.expired = True
    direct = scene.discord.world.direct(scene.ada)
    await scene.discord.message_in(direct, "It still runs.", RUN_S)
    await scene.answer("stop", container_id=name)
    await scene.discord.message_in(direct, "⏹️ **stopped**", RUN_S)
    await scene.end_of(thread)
