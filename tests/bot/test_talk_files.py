"""What a person attaches to what they write to the text agent goes on to an agent, by name and with their press."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.bot.scene import RUN_S, Ground, Scene
from tests.bot.talking import talking_to
from tests.bot.test_talk import answered, told, use
from vps.testing.model import Answer, Conversation, next_answer, say

_ATTACHED = "attached, to be handed on by name"


def script(conversation: Conversation) -> Answer:
    if "spawn_claude_agent" not in conversation.tools:
        return next_answer(conversation)
    names = json.loads(conversation.task[conversation.task.index("{") :])[_ATTACHED]
    answers = (
        use("spawn_claude_agent", task="scenario:attached", files=["/etc/passwd"]),
        use("spawn_claude_agent", task="scenario:attached", files="notes.txt"),
        use("spawn_claude_agent", task="scenario:attached", files=names),
    )
    tried = len(conversation.rounds)
    return answers[tried] if tried < len(answers) else say(f"Handed on {names}. {told(conversation)}")


@pytest.fixture
async def scene(ground: Ground) -> AsyncIterator[Scene]:
    async with talking_to(ground, script) as found:
        yield found


async def test_files_of_the_person_reach_the_agent_that_the_model_starts(scene: Scene) -> None:
    files = {"the notes.txt": b"the third floor\n", "setup.exe": b"MZ"}
    direct = scene.discord.world.direct(scene.ada)
    await scene.discord.say(scene.ada, direct, "hand it on", files=files)
    asking = await scene.discord.message_in(direct, lambda each: "Shall I?" in each.text and bool(each.buttons), RUN_S)
    assert "\nfiles: the_notes.txt (16 bytes), setup.exe (2 bytes)\n" in asking.text
    await scene.click(asking, "Yes, do it")
    end = await answered(scene, direct, "Handed on ['the_notes.txt', 'setup.exe']")
    assert "files: /etc/passwd is not attached to what you answer; the_notes.txt, setup.exe is." in end.text
    assert "files: takes a list of names." in end.text
    assert "setup.exe` is a program or script for Windows" in end.text
    thread = await scene.new_thread(set())
    await scene.discord.message_in(thread, "I read: the third floor", RUN_S)
