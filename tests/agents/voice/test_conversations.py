"""Conversations over the real SDK: answers, news, and who is told what."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from agents.config import SettingsError, load
from agents.crew import Crew
from agents.tools.core import Call
from agents.voice.voices import Voices
from tests.agents.voice.place import PERSON, SECRET, Place
from tests.elevenlabs_standin import (
    CallTool,
    Complete,
    Pause,
    Say,
    Step,
)
from vps.errors import BadInput
from vps.mask import Mask
from vps.models import Origin


async def test_the_agent_answers_and_knows_the_conversation(scene: Place) -> None:
    scene.standin.turns.extend([[Say("Hello.")], [Say("Two are at work."), Complete()]])
    assert await scene.ask("hello") == "Hello."
    assert await scene.ask("how many?") == "Two are at work."
    assert scene.standin.said("user_message") == ["hello", "how many?"]
    (conversation,) = scene.standin.conversations
    first = conversation.heard[0]
    assert first["conversation_config_override"]["conversation"] == {"text_only": True}
    assert not scene.updates()


async def test_pings_are_answered_while_a_tool_runs(scene: Place) -> None:
    given = {"repo_url": "https://github.com/o/api"}
    scene.standin.turns.append([CallTool("clone_repo", given), Say("Under way.")])
    asking = asyncio.create_task(scene.ask())
    await scene.until(lambda: scene.standin.conversations and scene.standin.conversations[0].heard[1:])
    await scene.standin.conversations[0].ping()
    await asking
    assert {"type": "pong", "event_id": 1} in scene.standin.heard


async def test_news_reach_that_persons_open_conversations_alone(scene: Place) -> None:
    other = Origin(caller="discord:2", surface="voice")
    await scene.ask(key="5")
    await scene.ask(key="6")
    await scene.ask(key="5", origin=other)
    assert await scene.voices.tell("discord:1", f"Agent one is done. {SECRET}") == 2
    await scene.until(lambda: len(scene.updates()) == 2)
    assert scene.updates() == ["Agent one is done. [masked github token]"] * 2
    assert await scene.voices.tell("discord:3", "Nothing") == 0


async def test_ten_conversations_at_once_each_get_their_own_answers(scene: Place) -> None:
    async def converse(number: int) -> str:
        return await scene.ask(f"start {number}", key=str(number))

    steps: list[Step] = [
        CallTool("list_claude_agents"),
        Pause(0.05),
        CallTool("get_usage", {"days": "x"}),
        Say("Done."),
    ]
    scene.standin.turns.extend([steps] * 10)
    assert await asyncio.gather(*map(converse, range(10))) == ["Done."] * 10
    assert len(scene.standin.conversations) == 10
    assert len(scene.results()) == 20


async def test_without_key_or_agent_it_says_what_it_needs(scene: Place) -> None:
    for given, missing in (({}, "ELEVENLABS_API_KEY"), ({"ELEVENLABS_API_KEY": "x"}, "ELEVENLABS_AGENT_ID")):
        crew = cast("Crew", SimpleNamespace(settings=load(given, dotenv=None), mask=Mask([])))
        with pytest.raises(SettingsError, match=missing):
            await Voices(crew).ask("5", "hello", lambda call_id: scene.call(PERSON, call_id))


async def test_whoever_may_not_call_is_told_before_anything_is_sent(scene: Place) -> None:
    async def nobody(_call_id: str) -> Call:
        raise BadInput("caller", "unknown")

    with pytest.raises(BadInput):
        await scene.voices.ask("5", "hello", nobody)
    assert scene.standin.conversations == []
