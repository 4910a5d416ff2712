"""Agents that wait for room, as people see them: a thread at once, their place in it, and the same card when they run."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from agents.config import Address
from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.discord_standin import Channel, Message
from vps.testing.ports import free_port


@pytest.fixture
async def narrow(ground: Ground) -> AsyncIterator[Scene]:
    """A scene where one agent runs at a time, and one does."""
    free = Address("127.0.0.1", free_port())
    async with opened(ground, AGENTFLOW_MAX_AGENTS=1, AGENTFLOW_METRICS=free) as scene:
        thread = await scene.spawn("scenario:sleep:300")
        await scene.discord.message_in(thread, "This takes a while.", RUN_S)
        yield scene


async def card_of(scene: Scene, thread: Channel, words: str) -> Message:
    return await scene.discord.message_in(thread, words, RUN_S)


async def stop_the_first(scene: Scene) -> None:
    first = min(scene.discord.threads(scene.channel), key=lambda thread: thread.id)
    await scene.slash("stop", container_id=await scene.name_of(first))
    await scene.end_of(first)


async def test_a_thread_opens_at_once_with_its_place_and_its_card_becomes_the_running_one(narrow: Scene) -> None:
    thread = await narrow.spawn("scenario:ok when there is room")
    card = await card_of(narrow, thread, "### 🕓 Queued")
    assert "Place 1: waits for another agent's end" in card.text
    assert [button.label for button in card.buttons] == ["Stop"]

    await stop_the_first(narrow)
    await narrow.end_of(thread)
    assert "### ✅ Done" in card.text
    await narrow.discord.wait_for(lambda: card.buttons == [], RUN_S)
    assert narrow.discord.messages(thread)[0] is card
    assert narrow.discord.transcript(thread).count("All is well.") == 1


async def test_the_stop_button_takes_it_out_of_the_queue_and_the_next_one_moves_up(narrow: Scene) -> None:
    second = await narrow.spawn("scenario:ok second")
    card = await card_of(narrow, second, "Place 1: ")
    third = await narrow.spawn("scenario:ok third")
    behind = await card_of(narrow, third, "Place 2: ")
    button = card.button("Stop").custom_id
    assert button

    click = await narrow.discord.click(narrow.ada, card, button)
    await click.answered()
    assert (await click.shows("stopped before it started", RUN_S)).ephemeral
    end = await narrow.end_of(second)
    assert "**Stopped**" in end.text
    assert "Stopped before it started." in end.text
    assert card.buttons == []
    assert await card_of(narrow, third, "Place 1: ") is behind
    await stop_the_first(narrow)
    assert "✅ **Done**" in (await narrow.end_of(third)).text


async def metrics(scene: Scene) -> str:
    address = scene.settings.AGENTFLOW_METRICS
    assert address
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{address.port}/metrics") as answer:
        return await answer.text()


async def test_status_list_wait_and_metrics_tell_that_it_waits(narrow: Scene) -> None:
    thread = await narrow.spawn("scenario:ok")
    await card_of(narrow, thread, "### 🕓 Queued")
    name = await narrow.name_of(thread)
    for answer in (
        await narrow.answer("status", container_id=name),
        await narrow.answer("list"),
        await narrow.answer("wait", container_id=name, timeout="1s"),
    ):
        assert "🕓" in answer.text
        assert "place 1: waits for another agent's end" in answer.text
    assert 'agentflow_runs{state="queued"} 1.0' in await metrics(narrow)
    await stop_the_first(narrow)
    assert "✅ **idle (succeeded)**" in (await narrow.answer("wait", container_id=name)).text


async def test_a_queue_outlives_the_bot_and_is_shown_on_the_same_card_afterwards(narrow: Scene) -> None:
    thread = await narrow.spawn("scenario:ok")
    card = await card_of(narrow, thread, "### 🕓 Queued")
    await narrow.restart_bot()
    await stop_the_first(narrow)
    await narrow.end_of(thread)
    assert "### ✅ Done" in card.text
    assert narrow.discord.messages(thread)[0] is card
    assert narrow.discord.transcript(thread).count("**Done**") == 1
