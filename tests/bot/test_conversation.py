"""A thread is one conversation with one agent, whatever goes away in between."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bot.demo.stage import seed
from bot.receipts import QUEUED, TAKEN
from tests.bot.bot_process import empty_scene, environ, started
from tests.bot.scene import RUN_S, Ground, Scene, docker
from tests.chaos.bot import BotProcess
from tests.discord_standin import Channel, Message

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


async def turns(scene: Scene, thread: Channel, count: int) -> None:
    """Wait until the thread tells of so many ended turns."""
    await scene.discord.wait_for(
        lambda: sum("⏱️ " in message.content for message in scene.discord.messages(thread)) == count, RUN_S
    )


def marks(message: Message) -> set[str]:
    return {emoji for emoji, users in message.reactions.items() if users}


def asked(scene: Scene) -> str:
    """The conversation that the model was given last."""
    last = [request for request in scene.model.requests if request.is_work][-1]
    return json.dumps(last.body["messages"])


async def test_ten_messages_are_one_session_over_two_restarts_an_interrupt_and_one_in_the_middle_of_a_tool(
    ground: Ground, image: str, tmp_path: Path
) -> None:
    assert image
    async with empty_scene(ground, AGENTFLOW_IDLE_S=300) as scene:
        await asyncio.to_thread(seed, scene.workspace)
        bot = BotProcess(environ(scene.settings), tmp_path / "bot.log")
        await started(scene, bot)
        try:
            await _converse(scene, bot)
        finally:
            await bot.kill()
            await scene.clear()


async def _converse(scene: Scene, bot: BotProcess) -> None:
    discord, ada = scene.discord, scene.ada
    thread = await scene.spawn("scenario:ok number one")
    await turns(scene, thread, 1)
    said = [await discord.say(ada, thread, "scenario:ok number two")]
    await turns(scene, thread, 2)

    said.append(await discord.say(ada, thread, "scenario:sleep:300 number three"))
    await discord.message_in(thread, "This takes a while.", RUN_S)
    said.append(await discord.say(ada, thread, "By the way, number four"))
    await discord.wait_for(lambda: QUEUED in said[-1].reactions, RUN_S)
    (name,) = scene.run_directories()
    await scene.end_sleep(name)
    await turns(scene, thread, 3)

    await bot.kill()
    said.append(await discord.say(ada, thread, "scenario:ok number five"))
    await started(scene, bot)
    await turns(scene, thread, 4)
    said.append(await discord.say(ada, thread, "scenario:ok number six"))
    await turns(scene, thread, 5)

    await docker("kill", name)  # as a restart of its host does
    await scene.gone(name)
    said.append(await discord.say(ada, thread, "scenario:ok number seven"))
    await turns(scene, thread, 6)

    said.append(await discord.say(ada, thread, "scenario:sleep:300 number eight"))
    await discord.wait_for(lambda: discord.transcript(thread).count("This takes a while.") == 2, RUN_S)
    interrupted = await scene.slash("interrupt", container_id=name)
    await interrupted.shows("is interrupted", RUN_S)
    await turns(scene, thread, 7)
    said.append(await discord.say(ada, thread, "scenario:ok number nine"))
    await turns(scene, thread, 8)
    said.append(await discord.say(ada, thread, "scenario:ok number ten"))
    await turns(scene, thread, 9)

    words = [f"number {word}" for word in WORDS]
    assert [asked(scene).count(each) for each in words] == [1] * 10
    assert [asked(scene).index(each) for each in words] == sorted(asked(scene).index(each) for each in words)
    await discord.wait_for(lambda: all(marks(message) == {TAKEN} for message in said), RUN_S)
    assert len(scene.run_directories()) == len(discord.threads(scene.channel)) == 1


async def test_an_answer_to_what_an_agent_asked_before_it_was_killed_wakes_it_with_both(scene: Scene) -> None:
    thread = await scene.spawn("scenario:ask")
    question = await scene.discord.message_in(
        thread, lambda message: "Which database?" in message.content and bool(message.buttons), RUN_S
    )
    await docker("kill", await scene.name_of(thread))
    await scene.discord.wait_for(lambda: "it wakes with your answer" in question.content, RUN_S)
    await turns(scene, thread, 1)
    await scene.discord.say(scene.ada, thread, "sqlite")
    await turns(scene, thread, 2)
    assert "Before you were interrupted you asked: Which database?" in asked(scene)
    assert "The answer is: SQLite" in asked(scene)
