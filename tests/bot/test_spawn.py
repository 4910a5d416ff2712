"""/spawn: from the command to the end message, on real parts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agents.rights import Right
from agents.tools.core import Call
from agents.tools.spawn import SPAWN
from bot.demo.stage import CALC
from tests.bot.scene import KEY, RUN_S, Ground, Scene, docker, opened
from tests.discord_standin.interactions import ANSWER_WITHIN
from tests.vps.keys import KEYS, pem
from vps.models import Origin


async def test_spawn_repairs_the_repository_and_tells_it_in_a_thread(scene: Scene) -> None:
    interaction = await scene.slash("spawn", task="fix add() and add a test")
    await interaction.answered()
    assert interaction.deferred
    assert interaction.seconds_to_answer is not None
    assert interaction.seconds_to_answer < ANSWER_WITHIN
    thread = await scene.new_thread(set())
    end = await scene.end_of(thread)
    assert thread.name == "fix add() and add a test"
    anchor = await interaction.shows(await scene.name_of(thread), RUN_S)
    assert thread.id == anchor.id
    card, *below = scene.discord.messages(thread)
    await scene.discord.wait_for(lambda: card.buttons == [], RUN_S)
    assert "### ✅ Done\nfix add() and add a test" in card.text
    assert card.edits >= 1
    story = "\n".join(message.text for message in below)
    parts = [
        "I'll look at the repository",
        "✅ **Edit** `calc.py` · +1 −1\n```diff",
        "+    return a + b",
        "✅ **Write**",
        "## Done",
    ]
    assert [part for part in parts if part not in story] == []
    assert [story.index(part) for part in parts] == sorted(story.index(part) for part in parts)
    assert "**2 files** · +12 −1\n```\ncalc.py" in end.text
    assert scene.discord.pings(scene.ada) == [end]
    assert (scene.workspace / "calc.py").read_text() == CALC.replace("a - b", "a + b")
    assert (scene.workspace / "test_calc.py").exists()


async def test_docker_alone_tells_whose_a_run_is_and_the_stop_button_ends_it(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    container = await scene.container()
    labels = container["Config"]["Labels"]
    assert container["Name"] == f"/{name}"
    assert labels["agentflow.thread"] == str(thread.id)
    assert labels["agentflow.channel"] == str(scene.channel.id)
    assert labels["agentflow.workspace"] == str(scene.workspace)
    assert labels["agentflow.caller"] == f"discord:{scene.ada.id}"
    assert labels["agentflow.surface"] == "discord"
    assert KEY.get_secret_value() not in str(container)
    card = await scene.discord.message_in(thread, "### ⏳ Running", RUN_S)
    click = await scene.click(card, "Stop")
    await click.answered()
    assert (await click.shows(f"{name} stopped.".replace("_", "\\_"), RUN_S)).ephemeral
    assert "**Stopped**" in (await scene.end_of(thread)).text
    assert card.buttons == []


async def test_text_of_agents_and_tasks_pings_nobody(scene: Scene) -> None:
    thread = await scene.spawn(f"{scene.eve.mention} {scene.crew_role.mention} @everyone scenario:pings")
    end = await scene.end_of(thread)
    assert "@here" in scene.discord.transcript(thread).replace("\u200b", "")
    assert scene.discord.pings(scene.eve) == scene.discord.pings(scene.grace) == []
    assert scene.discord.pings(scene.ada) == [end]


async def test_the_key_is_shown_stored_and_answered_nowhere(scene: Scene) -> None:
    secret = KEY.get_secret_value()
    thread = await scene.spawn(f"scenario:environment and mind {secret}")
    await scene.end_of(thread)
    name = await scene.name_of(thread)
    for raw in (False, True):
        await scene.answer("output", container_id=name, raw=raw, lines=5000)
    await scene.answer("status", container_id=name)
    await scene.answer("list")
    shown = [
        (message.text, *(file.data.decode() for file in message.attachments))
        for message in scene.discord.world.all_messages()
    ]
    assert secret not in str(shown)
    assert secret not in thread.name
    assert secret not in str(scene.logged)
    state = [path for path in scene.settings.state_dir.iterdir() if path.is_file()]
    assert state
    assert [path for path in state if secret.encode() in path.read_bytes()] == []


async def test_a_repositorys_keys_are_shown_stored_and_answered_nowhere(scene: Scene) -> None:
    keys = [key for found in KEYS.values() for key in found]
    block = pem()
    lines = [*(f"KEY_{number}={key}" for number, key in enumerate(keys)), f'PEM="{block}"', *(["#" * 60] * 40)]
    (scene.workspace / ".env").write_text("\n".join([*lines, *lines]))
    thread = await scene.spawn(f"scenario:dotenv and mind {keys[0]}")
    await scene.end_of(thread)
    name = await scene.name_of(thread)
    for raw in (False, True):
        await scene.answer("output", container_id=name, raw=raw, lines=5000)
        await scene.answer("output", container_id=name, raw=raw, lines=3)
    await scene.answer("status", container_id=name)
    await scene.answer("wait", container_id=name)
    await scene.answer("workspace diff", workspace_name="workspace")

    messages = [message for message in scene.discord.world.all_messages() if message.author.name != "ada"]
    shown = str([(each.text, *(file.data.decode() for file in each.attachments)) for each in messages])
    stored = b"".join(path.read_bytes() for path in scene.settings.state_dir.iterdir() if path.is_file())
    record = (scene.root / "audit.jsonl").read_text()
    told = {"shown": shown, "name": thread.name, "stored": str(stored), "logged": str(scene.logged), "record": record}
    wanted = [*keys, *block.split("\n")[1:-1]]
    assert [(where, key) for where, text in told.items() for key in wanted if key in text] == []
    assert all(f"[masked {kind}]" in shown for kind in [*KEYS, "private key"])
    assert "[masked anthropic key]" in thread.name
    assert "[masked anthropic key]" in record
    log = (scene.root / "runs" / name / "out" / "out.jsonl").read_text()
    assert keys[0] in log, "the log itself stays as the CLI wrote it"


@pytest.mark.parametrize("task", ["--help scenario:ok", "/nonsense scenario:ok"])
async def test_a_task_that_looks_like_an_option_or_a_command_is_delivered_literally(scene: Scene, task: str) -> None:
    thread = await scene.spawn(task)
    end = await scene.end_of(thread)
    assert "✅ **Done**" in end.text
    assert "All is well." in scene.discord.transcript(thread)


async def test_spawn_inside_a_thread_opens_its_own_in_the_channel_above(scene: Scene) -> None:
    first = await scene.spawn("scenario:ok")
    await scene.end_of(first)
    interaction = await scene.discord.slash(scene.ada, first, "spawn", task="scenario:ok again")
    second = await scene.new_thread({first.id})
    await scene.end_of(second)
    assert second.parent_id == scene.channel.id
    assert second.id in scene.channel.messages
    await interaction.shows(scene.channel.mention, RUN_S)


async def test_a_run_that_another_surface_started_gets_a_thread_in_the_default_channel(scene: Scene) -> None:
    call = Call(Origin(caller="operator:ops", caller_name="ops", surface="cli"), frozenset(Right))
    output = await SPAWN.invoke(scene.bot.crew, {"task": "scenario:ok for the operator"}, call)
    thread = await scene.new_thread(set())
    end = await scene.end_of(thread)
    assert await scene.name_of(thread) == output.container_id
    assert thread.parent_id == scene.channel.id
    assert "started by ops" in scene.discord.transcript(scene.channel)
    assert "✅ **Done**" in end.text
    assert not end.pings


async def test_the_anchor_shows_how_the_image_is_built(ground: Ground) -> None:
    image = "agentflow-claude-code:progress-test"
    async with opened(ground, image_ready=False, AGENTFLOW_IMAGE=image) as scene:
        try:
            await scene.slash("spawn", task="scenario:ok")
            await scene.discord.message_in(scene.channel, "🏗️", RUN_S)
            thread = await scene.new_thread(set())
            await scene.end_of(thread)
            name = re.compile(r"\n-# claude-agent-\d+-\w{6}$")
            anchor = await scene.discord.message_in(scene.channel, lambda each: bool(name.search(each.text)), RUN_S)
            assert anchor.id == thread.id
        finally:
            await docker("rmi", "--force", image)


async def test_a_failed_build_is_told_in_the_anchor_and_leaves_nothing(ground: Ground) -> None:
    settings: dict[str, Any] = {
        "AGENTFLOW_IMAGE": "agentflow-claude-code:failure-test",
        "AGENTFLOW_BASE_IMAGE": "127.0.0.1:9/none:1",
    }
    async with opened(ground, image_ready=False, **settings) as scene:
        await scene.slash("spawn", task="scenario:ok")
        anchor = await scene.discord.message_in(scene.channel, "❌", RUN_S)
        assert "AGENTFLOW_BASE_IMAGE" in anchor.text
        assert await scene.leaves_nothing()
