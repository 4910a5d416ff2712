"""A bot that is killed in the middle of an answer: what the next one says of it, and of a question that can still be pressed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.demo.stage import seed
from tests.bot.bot_process import empty_scene, environ, started
from tests.bot.scene import KEY, RUN_S, Ground
from tests.chaos.bot import BotProcess
from tests.shared_gateway import lend
from vps.testing.model import Answer, Conversation, Reply, ScriptedModel, ToolUse, say


def script(conversation: Conversation) -> Answer:
    if conversation.task == "spawn one" and not conversation.rounds:
        return Reply((ToolUse("spawn_claude_agent", {"task": "scenario:ok"}),))
    return say(f"Heard: {conversation.task}")


async def test_an_answer_and_its_question_that_a_killed_bot_left_are_told_and_nothing_is_done(
    ground: Ground, image: str, tmp_path: Path
) -> None:
    assert image
    async with (
        ScriptedModel(api_key=KEY, script=script) as model,
        empty_scene(ground, ANTHROPIC_BASE_URL=model.url) as scene,
    ):
        lend(ground.gateway, scene.root)
        await asyncio.to_thread(seed, scene.workspace)
        bot = BotProcess(environ(scene.settings), tmp_path / "bot.log")
        await started(scene, bot)
        discord, direct = scene.discord, scene.discord.world.direct(scene.ada)
        await discord.say(scene.ada, direct, "spawn one")
        question = await discord.message_in(direct, "Shall I?", RUN_S)
        await bot.kill()
        await discord.say(scene.ada, direct, "still there?")
        await started(scene, bot)
        told = await discord.message_in(direct, "The bot was restarted in the middle; ask again.", RUN_S)
        assert told.buttons == []
        await discord.message_in(direct, "Heard: still there?", RUN_S)

        await scene.click(question, "Yes, do it")
        await discord.wait_for(lambda: "The bot was restarted: not done." in question.text, RUN_S)
        assert question.buttons == []
        assert discord.threads(scene.channel) == []
        assert scene.run_directories() == []
        await bot.kill()
        await scene.clear()
