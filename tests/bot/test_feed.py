"""A thread is complete and in order whatever Discord and the network do meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.inside import Errands
from bot.feed import Feed
from bot.store import open_store
from bot.thread import RunThread
from tests.bot.scene import RUN_S, Scene, until
from tests.discord_standin import Channel
from vps.follower import Piece
from vps.host import workspaces
from vps.mask import Mask
from vps.models import RunRecord

MESSAGES = r"/channels/\d+/messages$"
MESSAGE = r"/channels/\d+/messages/\d+$"
WORDS = 12


def words(scene: Scene, thread: Channel) -> list[int]:
    return [int(number) for number in re.findall(r"word (\d+)", scene.discord.transcript(thread))]


def told_once(scene: Scene, thread: Channel) -> bool:
    """Whether the thread has each message of scenario:sleep once and in order."""
    text = scene.discord.transcript(thread)
    parts = ("This takes a while.", "The long command has ended.", "✅ **Done**")
    places = [text.find(part) for part in parts]
    return [text.count(part) for part in parts] == [1, 1, 1] and places == sorted(places)


async def test_failed_and_reset_sends_neither_lose_nor_repeat_a_message(scene: Scene) -> None:
    discord = scene.discord
    await scene.slash("spawn", task=f"scenario:words:{WORDS}")
    await scene.new_thread(set())
    discord.fail_next("POST", MESSAGES, status=429, retry_after=0.2)
    discord.fail_next("POST", MESSAGES, status=500)
    discord.fail_next("POST", MESSAGES, status=429, retry_after=0.2, everywhere=True)
    discord.reset_next("POST", MESSAGES)
    discord.reset_next("POST", MESSAGES, accepted=True, times=2)
    discord.fail_next("PATCH", MESSAGE, status=503)
    discord.reset_next("PATCH", MESSAGE, accepted=True)
    thread = discord.threads(scene.channel)[0]
    await scene.end_of(thread)
    assert words(scene, thread) == list(range(1, WORDS + 1))
    assert discord.transcript(thread).count("**Done**") == 1
    # The card's last edit may come behind the end.
    await discord.wait_for(lambda: discord.faults.unused == [], RUN_S)


async def test_a_dropped_gateway_is_resumed_and_the_thread_goes_on(scene: Scene) -> None:
    discord = scene.discord
    thread = await scene.spawn(f"scenario:words:{WORDS}")
    held = discord.hold_next("POST", MESSAGES)
    async with asyncio.timeout(RUN_S):
        await held.reached.wait()
    discord.gateway.drop()
    held.open()
    await scene.end_of(thread)
    assert words(scene, thread) == list(range(1, WORDS + 1))
    await discord.connected(30)
    assert (await scene.answer("list")).ephemeral


async def test_what_an_agent_says_while_a_message_is_being_sent_is_not_lost(scene: Scene) -> None:
    discord = scene.discord
    thread = await scene.spawn("scenario:sleep:1")
    held = discord.hold_next("POST", MESSAGES)
    async with asyncio.timeout(RUN_S):
        await held.reached.wait()
    await scene.ended(await scene.name_of(thread))
    held.open()
    await scene.end_of(thread)
    assert told_once(scene, thread)


async def test_an_outage_of_discord_delays_the_thread_and_nothing_more(scene: Scene) -> None:
    discord = scene.discord
    thread = await scene.spawn("scenario:sleep:1")
    await discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    async with discord.outage():
        await scene.ended(name)
    await scene.end_of(thread)
    assert told_once(scene, thread)


async def test_a_deleted_thread_ends_the_showing_and_not_the_run(scene: Scene) -> None:
    discord = scene.discord
    thread = await scene.spawn("scenario:sleep:1")
    await discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)
    discord.world.delete_channel(thread)
    answer = await scene.answer("wait", container_id=name)
    assert "✅ **idle (succeeded)**" in answer.text
    assert "The long command has ended." in answer.text


async def test_a_run_whose_anchor_was_deleted_before_its_thread_opened_is_reported_once(scene: Scene) -> None:
    discord = scene.discord
    with workspaces.one_at_a_time(str(scene.root)):  # as while another run is being made
        asked = await scene.slash("spawn", task="scenario:ok")
        anchor = await asked.shows("🚀", RUN_S)
        async with asyncio.timeout(RUN_S):
            while not any(row.origin.thread_id for row in await scene.bot.store.spawns()):
                await asyncio.sleep(0)
        discord.world.delete_message(anchor)
    direct = discord.world.direct(scene.ada)
    await discord.message_in(direct, "its thread is gone", RUN_S)
    (name,) = scene.run_directories()
    await until(lambda: not scene.bot.showing)
    row = await scene.bot.store.thread(name)
    assert row is not None
    assert row.ended > 0
    await scene.restart_bot()
    thread = await scene.spawn("scenario:ok again")
    await scene.end_of(thread)
    assert discord.transcript(direct).count("its thread is gone") == 1


async def test_what_ends_the_reading_of_a_log_leaves_no_call_of_the_agent_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = list[bool]()

    def read(_end: int) -> None:
        assert not closed

    async def follow(_name: str) -> AsyncGenerator[Piece]:
        yield Piece(0, b"")
        raise ValueError("a line that nobody can read")

    async def nowhere(*_: object, **__: object) -> None:
        return None

    async def close() -> None:
        closed.append(True)

    monkeypatch.setattr(RunThread, "open", nowhere)
    crew = SimpleNamespace(
        mask=Mask(), relay=SimpleNamespace(follow=follow), settings=SimpleNamespace(DISCORD_CHANNEL_ID=None)
    )
    record = RunRecord(name="claude-agent-1790000000000-abcdef", task="x")
    async with open_store(tmp_path / "state.sqlite3") as store:
        feed = Feed(*cast("Any", (crew, None, store, record, None)))
        feed.errands = cast("Errands", SimpleNamespace(close=close, read=read))
        with pytest.raises(ValueError, match="nobody can read"):
            await feed.run()
    assert closed == [True]


async def test_a_thread_archived_by_somebody_is_opened_again_to_show_the_end(scene: Scene) -> None:
    thread = await scene.spawn("scenario:sleep:300")
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    thread.archived = True
    await scene.slash("stop", container_id=await scene.name_of(thread))
    await scene.end_of(thread)
    assert not thread.archived


async def test_a_message_that_discord_refuses_for_its_number_alone_is_sent_as_it_is_in_the_end(scene: Scene) -> None:
    refused = scene.discord.fail_next("POST", r"/channels/\d+/messages$", status=429, retry_after=0.01, times=12)
    thread = await scene.spawn("scenario:ok")
    await scene.end_of(thread)
    assert refused.hits == 12  # discord.py itself tries five times
    assert "All is well." in scene.discord.transcript(thread)
    assert not any(each.attachments for each in scene.discord.messages(thread))


async def test_within_discords_limits_nothing_is_refused_twice(scene: Scene) -> None:
    scene.discord.limits.allowed, scene.discord.limits.per_seconds = 3, 1.0
    thread = await scene.spawn("scenario:words:6")
    await scene.end_of(thread)
    assert words(scene, thread) == list(range(1, 7))
    assert scene.discord.limits.refused <= 1
