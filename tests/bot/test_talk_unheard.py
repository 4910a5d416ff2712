"""What is written to the text agent is answered once, whatever breaks off before its answer is begun; what is said aloud is not
its business."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bot.scene import RUN_S, Ground, Scene, until
from tests.bot.talking import talking_to
from tests.discord_standin import Channel, Message
from vps.testing.model import Answer, Conversation, say


def script(conversation: Conversation) -> Answer:
    return say(f"Heard: {conversation.task}")


@pytest.fixture(scope="module")
async def scene(ground: Ground) -> AsyncIterator[Scene]:
    async with talking_to(ground, script) as found:
        yield found


async def answered(scene: Scene, channel: Channel, text: str) -> Message:
    return await scene.discord.message_in(
        channel, lambda each: text in each.text and each.author.bot and not each.buttons, RUN_S
    )


async def test_one_whose_answer_could_not_be_begun_before_the_bot_was_stopped_is_answered_when_it_is_back(
    scene: Scene,
) -> None:
    direct = scene.discord.world.direct(scene.ada)
    gate = scene.discord.hold_next("POST", rf"/channels/{direct.id}/messages$")
    await scene.discord.say(scene.ada, direct, "one")
    await scene.discord.wait_for(gate.reached.is_set, RUN_S)
    await scene.stop_bot()
    gate.open()
    await scene.start_bot()
    await answered(scene, direct, "Heard: one")


async def test_so_is_a_mention_whose_thread_was_there_already(scene: Scene) -> None:
    gate = scene.discord.hold_next("POST", r"/channels/\d+/messages$")
    mention = await scene.discord.say(scene.ada, scene.channel, f"{scene.discord.world.bot.mention} two")
    await scene.discord.wait_for(gate.reached.is_set, RUN_S)
    await scene.stop_bot()
    gate.open()
    await scene.start_bot()
    assert mention.thread
    await answered(scene, mention.thread, "Heard: two")
    assert len(scene.discord.threads(scene.channel)) == 1


async def test_one_whose_thread_could_not_be_opened_at_once_is_answered(scene: Scene) -> None:
    scene.discord.reset_next("POST", r"/threads$", accepted=True)
    mention = await scene.discord.say(scene.ada, scene.channel, f"{scene.discord.world.bot.mention} three")
    await scene.discord.wait_for(lambda: mention.thread, RUN_S)
    assert mention.thread
    await answered(scene, mention.thread, "Heard: three")


async def test_one_that_is_changed_while_its_thread_is_opened_is_read_as_it_is_then(scene: Scene) -> None:
    gate = scene.discord.hold_next("POST", r"/threads$", accepted=True)
    mention = await scene.discord.say(scene.ada, scene.channel, f"{scene.discord.world.bot.mention} wrong")
    await scene.discord.wait_for(gate.reached.is_set, RUN_S)
    scene.discord.world.edit_message(mention, {"content": f"{scene.discord.world.bot.mention} right"})
    talks = scene.bot.talks
    await until(lambda: "right" in str([each.content for each in talks._line._coming.values()]))  # pyright: ignore[reportPrivateUsage]  nothing else tells that it was heard of
    gate.open()
    assert mention.thread
    await answered(scene, mention.thread, "Heard: right")


async def test_a_voice_message_is_not_read_as_a_written_one_in_a_new_session(scene: Scene) -> None:
    direct = scene.discord.world.direct(scene.ada)
    await scene.discord.say(scene.ada, direct, "four")
    await answered(scene, direct, "Heard: four")
    spoken = await scene.discord.speak(scene.ada, direct, b"x" * 64)
    await scene.discord.message_in(direct, lambda each: each.reference is spoken, RUN_S)
    await scene.stop_bot()
    await scene.discord.say(scene.ada, direct, "five")
    await scene.start_bot()
    shown = await answered(scene, direct, "five")
    assert shown.text.startswith("Heard: five")
    assert "attached" not in scene.discord.transcript(direct)
