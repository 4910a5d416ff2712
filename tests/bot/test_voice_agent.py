"""Voice messages to the bot, all the way: heard, asked of the ElevenLabs agent by its real SDK, carried out on the host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents.voice import wanted
from agents.voice.turn import Pace
from agents.voice.voices import Voices
from bot.calls import STOPPING
from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.bot.speaking import AGENTS, PARSER, Voice, say
from tests.bot.test_hearing import answer_to, answers
from tests.elevenlabs_standin import KEY, CallTool, ElevenLabsStandin, Say
from tests.elevenlabs_standin.speech import Speech


@pytest.fixture
async def elevenlabs(tmp_path: Path) -> AsyncIterator[ElevenLabsStandin]:
    """Speech and conversations of one account; nothing that either side sent may differ from the public documents."""
    speech = Speech(tmp_path)
    async with ElevenLabsStandin().running(speech.add_to) as made:
        yield made
    assert (made.problems, speech.violations) == ([], [])


@pytest.fixture
async def spoken(ground: Ground, elevenlabs: ElevenLabsStandin) -> AsyncIterator[Scene]:
    agent_id = elevenlabs.account.add_agent(wanted.agent_config())
    settings: dict[str, Any] = {"ELEVENLABS_AGENT_ID": agent_id, "ELEVENLABS_BASE_URL": elevenlabs.url}
    async with opened(ground, ELEVENLABS_API_KEY=SecretStr(KEY), **settings) as scene:
        scene.bot.voice_messages.voices = Voices(scene.bot.crew, pace=Pace(quiet_s=0.2))
        yield scene


async def test_what_is_said_starts_an_agent_whose_end_is_told_and_stops_one_after_a_press(
    spoken: Scene, elevenlabs: ElevenLabsStandin, voice: Voice
) -> None:
    scene, direct = spoken, spoken.discord.world.direct(spoken.ada)
    before = {thread.id for thread in scene.discord.threads(scene.channel)}
    elevenlabs.turns.append([CallTool("spawn_claude_agent", {"task": "scenario:sleep:300"}), Say("It starts.")])
    first = await say(scene, scene.ada, direct, await voice(PARSER))
    await answer_to(scene, first, "It starts.")
    assert elevenlabs.said("user_message") == [PARSER], "its words are those of the sound"
    thread = await scene.new_thread(before)
    name = await scene.name_of(thread)
    assert await scene.containers()
    run = await scene.bot.crew.runs.describe(name)
    assert run.record is not None
    assert (run.record.origin.caller, run.record.origin.person) == (f"voice:{direct.id}", f"discord:{scene.ada.id}")

    elevenlabs.turns.append([CallTool("stop_claude_agent", {"container_id": "agent one"}), Say("I asked.")])
    second = await say(scene, scene.ada, direct, await voice(AGENTS))
    await answer_to(scene, second, "I asked.")
    question = await scene.discord.message_in(direct, lambda each: name in each.content and bool(each.buttons), RUN_S)
    assert (await scene.bot.crew.runs.describe(name)).alive, "the model's word stops nothing"
    await scene.click(question, "Yes, do it")
    end = await scene.end_of(thread)
    assert "stopped" in end.content.lower()
    told = "The agent that was to"
    await scene.discord.wait_for(
        lambda: any(told in text and "stopped" in text for text in elevenlabs.said("contextual_update")), RUN_S
    )
    outcome = await answer_to(scene, second, "stop claude agent: Agent one")
    assert "stopped" in outcome.content
    assert outcome.pings == frozenset()


async def test_what_waits_when_the_bot_stops_is_told(
    spoken: Scene, elevenlabs: ElevenLabsStandin, voice: Voice
) -> None:
    scene, direct, shed = spoken, spoken.discord.world.direct(spoken.ada), {"workspace_name": "shed"}
    elevenlabs.turns.append([CallTool("delete_workspace", shed), Say("I asked.")])
    (scene.root / "workspaces/shed").mkdir(parents=True)
    message = await say(scene, scene.ada, direct, await voice(PARSER))
    await answer_to(scene, message, "I asked.")
    question = await scene.discord.message_in(direct, lambda each: bool(each.buttons), RUN_S)
    await scene.stop_bot()
    assert [each.content for each in answers(scene, message)][-1] == STOPPING
    assert question.buttons == []
    await scene.start_bot()
    assert (scene.root / "workspaces/shed").exists()
