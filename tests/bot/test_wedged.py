"""What an agent waits for is shown; one that hangs is resumed before everybody's eyes, or reported."""

from __future__ import annotations

import json
import re
import time

import pytest

from agents.rights import Right
from agents.tools.agents import LIST
from agents.tools.core import Call
from tests.bot.scene import KEY, RUN_S, Ground, Scene, docker, opened
from tests.discord_standin import Channel, Message
from tests.frozen import freeze, saved, shorten_limits
from vps import activity
from vps.models import Origin
from vps.testing.model import SCENARIOS, Answer, Conversation, ScriptedModel


async def card_with(scene: Scene, thread: Channel, words: str) -> Message:
    """The card once it says this."""
    return await scene.discord.message_in(
        thread, lambda message: "### " in message.text and words in message.text, RUN_S
    )


async def test_a_hang_and_the_resumption_are_shown_in_the_thread(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_limits(monkeypatch)
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    await saved(scene.root, await scene.name_of(thread))
    await freeze(docker, await scene.name_of(thread))
    card = await card_with(scene, thread, "🧊 Hung, being resumed: last sign of life <t:")
    end = await scene.end_of(thread)

    story = scene.discord.transcript(thread)
    parts = [
        "This takes a while.",
        "no result",
        "🧊 It hangs: no output for",
        "▶️ Resumed in its session, in a new process",
    ]
    assert [part for part in parts if part not in story] == []
    assert story.index(parts[2]) < story.index(parts[3]) < story.index("scripted model")
    assert story.count("🧊 It hangs") == story.count("▶️ Resumed") == 1
    assert "✅ **Done**" in end.text
    assert "🧊" not in card.text


async def test_one_that_hangs_again_is_reported_with_what_to_do(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_limits(monkeypatch)
    thread = await scene.spawn("scenario:sleep:300", timeout="5m")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    await saved(scene.root, name)
    first = await freeze(docker, name)
    await scene.discord.message_in(thread, "▶️ Resumed in its session", RUN_S)
    await freeze(docker, name, but=first)
    end = await scene.end_of(thread)

    assert "🧊 **Hung**" in end.text
    assert "→ Read in /output what it did last" in end.text
    assert "giving up" in scene.discord.transcript(thread)
    assert scene.discord.pings(scene.ada) == [end]
    assert "hung" in (await scene.answer("status", container_id=name)).text


async def test_a_long_tool_shows_since_when_it_runs(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    card = await card_with(scene, thread, "↳ **Bash** `sleep 300`, began <t:")
    assert "🔇" not in card.text
    name = await scene.name_of(thread)
    assert re.search(r"↳ Bash sleep 300, began <t:\d+:R>", (await scene.answer("status", container_id=name)).text)
    await scene.answer("stop", container_id=name)
    await scene.end_of(thread)


async def test_silence_is_shown_on_the_card_and_in_answers_and_goes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert activity.SILENT_AFTER_S <= 50, "a card takes up to 9 s, and a minute is promised"
    monkeypatch.setattr(activity, "SILENT_AFTER_S", 2.0)
    thread = await scene.spawn("scenario:hang")
    await card_with(scene, thread, "🔇 Silent: last sign of life <t:")
    name = await scene.name_of(thread)
    for answer in (scene.answer("status", container_id=name), scene.answer("list")):
        assert "🔇 Silent" in (await answer).text
    await scene.answer("stop", container_id=name)
    await scene.end_of(thread)
    assert "🔇" not in scene.discord.messages(thread)[0].text


async def test_the_waits_for_the_api_are_shown_with_their_number_and_time(scene: Scene) -> None:
    thread = await scene.spawn("scenario:error:500")
    card = await card_with(scene, thread, "🔁 API error (500), retry")
    assert re.search(r"retry \d+ of 10 (<t:\d+:R>|under way)", card.text)
    name = await scene.name_of(thread)
    await scene.discord.wait_for(lambda: re.search(r"retry ([4-9]|10) of 10 <t:", card.text), RUN_S)
    assert "of 10" in (await scene.answer("list")).text
    await scene.answer("stop", container_id=name)
    await scene.end_of(thread)


async def test_a_reached_limit_pauses_until_its_end_and_shows_when_that_is(ground: Ground) -> None:
    resets: list[int] = []

    def limited(conversation: Conversation) -> Answer:
        resets.append(int(time.time()) + 25)  # from when it is asked on: until then a CLI may take its time to start
        return SCENARIOS["usage-limit"].script(conversation, resets[0])

    async with (
        ScriptedModel(api_key=KEY, script=limited) as model,
        opened(ground, ANTHROPIC_API_KEY=None, CLAUDE_CODE_OAUTH_TOKEN=KEY, ANTHROPIC_BASE_URL=model.url) as scene,
    ):
        thread = await scene.spawn("go on")
        card = await card_with(scene, thread, "⏸️ Paused: the plan's limit is reached")
        end = await scene.end_of(thread)
        story = scene.discord.transcript(thread)
        assert f"the plan's limit is reached. It goes on <t:{resets[0]}:R>" in story
        assert "Back after the limit." in story
        assert "✅ **Done**" in end.text
        assert "⏸️" not in card.text


async def test_what_an_agent_does_is_told_to_scripts_as_data(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await card_with(scene, thread, "**Bash** `sleep 300`")
    call = Call(Origin(caller="operator:ops", surface="cli"), frozenset(Right))
    listed = await LIST.invoke(scene.bot.crew, {}, call)
    name = await scene.name_of(thread)
    (agent,) = [each for each in json.loads(listed.model_dump_json())["agents"] if each["container_id"] == name]
    assert agent["activity"]["doing"] == "tool"
    assert agent["activity"]["what"] == "Bash sleep 300"
    await scene.answer("stop", container_id=name)
    await scene.end_of(thread)
