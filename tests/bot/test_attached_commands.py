"""Files that go with a command: `/spawn`, `/send`, and the menu of a message that has some."""

from __future__ import annotations

import json

import pytest

from bot.menus import NAME
from tests.bot.bot_process import started
from tests.bot.scene import RUN_S, Scene
from tests.bot.test_attachments import images
from tests.bot.test_spawns import kill_at
from tests.chaos.bot import BotProcess
from tests.discord_standin import Channel
from tests.discord_standin.state import Upload
from tests.pictures import png

NOTES = Upload("notes.txt", b"the third floor\n")


async def read(scene: Scene, thread: Channel) -> str:
    """What an agent says that it found in its text files."""
    return (await scene.discord.message_in(thread, "I read: the third floor", RUN_S)).text


def told(scene: Scene, name: str) -> list[str]:
    """What each message to a run tells of its files."""
    lines = (scene.root / "runs" / name / "in" / "inbox.jsonl").read_bytes().splitlines()
    return [message.get("attached", "") for line in lines if (message := json.loads(line))["type"] == "user"]


async def test_an_agent_begins_with_the_files_that_it_was_given_and_what_is_refused_is_told(scene: Scene) -> None:
    picture = png(30, 20)
    shot, program = Upload("shot.png", picture), Upload("setup.exe", b"MZ")
    asked = await scene.slash("spawn", task="scenario:attached", file=NOTES, file_2=shot, file_3=program)
    thread = await scene.new_thread(set())
    await asked.shows("📎 Not passed on: `setup.exe` is a program or script for Windows", RUN_S)
    assert "Permission denied" in await read(scene, thread)
    assert images(scene) == [picture]

    name = await scene.name_of(thread)
    (attached,) = told(scene, name)
    assert attached.endswith("[Attached but not passed on: setup.exe]")
    (directory,) = (scene.root / "runs" / name / "attachments").iterdir()
    assert {path.name for path in directory.iterdir()} == {"notes.txt", "shot.png"}
    audited = [json.loads(line) for line in (scene.root / "audit.jsonl").read_bytes().splitlines()]
    assert audited[-1]["arguments"]["files"] == "(3)"

    await scene.end_of(thread)
    answer = await scene.answer("send", container_id=name, message="scenario:attached", file=NOTES)
    assert "Queued" in answer.text
    await scene.discord.wait_for(lambda: scene.discord.transcript(thread).count("I read: the third floor") == 2, RUN_S)
    refused = await scene.answer("send", container_id=name, message="scenario:attached", file=NOTES, user=scene.eve)
    assert "You may not use `send`" in refused.text
    assert len(told(scene, name)) == 2


async def test_an_agent_that_is_run_on_a_message_has_its_files(scene: Scene) -> None:
    message = await scene.discord.say(scene.grace, scene.channel, "scenario:attached", files={"a.txt": NOTES.data})
    used = await scene.discord.use_on(scene.ada, message, NAME)
    await used.answered()
    assert used.modal is not None
    assert used.modal["title"] == "Run an agent with 1 file"
    await scene.discord.submit(scene.ada, used)
    assert "Permission denied" in await read(scene, await scene.new_thread(set()))


@pytest.mark.parametrize("file", ["run.json", "start*.json"])
async def test_a_spawn_that_the_bot_is_killed_in_the_middle_of_keeps_its_files(
    away: tuple[Scene, BotProcess], file: str
) -> None:
    scene, bot = away
    await scene.slash("spawn", task="scenario:attached", file=NOTES)
    await kill_at(scene, bot, file)

    await started(scene, bot)
    thread = await scene.new_thread(set())
    await read(scene, thread)
    await scene.end_of(thread)
    (name,) = scene.run_directories()
    assert len(told(scene, name)) == 1
    (directory,) = (scene.root / "runs" / name / "attachments").iterdir()
    assert f"/attachments/{directory.name}/notes.txt" in told(scene, name)[0]
