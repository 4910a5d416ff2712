"""A thread's listener by itself: in which order it reads, and that nobody waits for it in vain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from agents.rights import EVERYTHING
from bot.hearing import Hearing
from bot.listener import Listener
from bot.means import Means
from bot.pace import Pace
from bot.store import ReplyRow, Store, ThreadRow, open_store

ME, ADA, GUILD, THREAD = 1, 2, 3, 4 << 22
RUN = "claude-agent-1-abcdef"
_MINUTE = 60_000 << 22
"""In Discord's ids."""


class Thread:
    """Its messages, and what is called of them; `gone` once somebody deleted it."""

    def __init__(self, messages: list[Any]) -> None:
        self.messages, self.gone = messages, False

    async def history(self, *, after: discord.Object, **_: Any) -> AsyncGenerator[Any]:
        for message in self.messages:
            if message.id > after.id:
                yield message

    def get_partial_message(self, _message: int) -> Any:
        return SimpleNamespace(add_reaction=self.call, remove_reaction=self.call)

    async def call(self, *_: Any, **__: Any) -> None:
        if self.gone:
            answer = cast("Any", SimpleNamespace(status=404, reason="Not Found"))
            raise discord.NotFound(answer, {"code": 10003, "message": "Unknown Channel"})

    send = fetch_message = call


def message(number: int, thread: Thread) -> Any:
    """Written a minute after the one of the number before."""
    author = SimpleNamespace(id=ADA, bot=False, display_name="ada")
    plain: dict[str, Any] = {"attachments": [], "message_snapshots": [], "reactions": [], "webhook_id": None}
    return SimpleNamespace(
        id=THREAD + number * _MINUTE,
        author=author,
        content=f"number {number}",
        channel=SimpleNamespace(id=THREAD),
        guild=SimpleNamespace(id=GUILD),
        type=discord.MessageType.default,
        flags=discord.MessageFlags(),
        edited_at=None,
        thread=thread,
        **plain,
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "state.sqlite3") as made:
        yield made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is passed on to the agent."""
    passed_on = list[str]()

    async def say(_listener: Listener, _message: Any, text: str, _call: Any, *, has_files: bool) -> tuple[str, ...]:
        assert not has_files
        passed_on.append(text)
        return ()

    monkeypatch.setattr(Listener, "_say", say)
    return passed_on


def means(store: Store, thread: Thread) -> Means:
    async def of_author(*_: Any) -> Any:
        return EVERYTHING

    def where(_channel: int, *, guild_id: int | None) -> Thread:
        assert guild_id == GUILD
        return thread

    client = SimpleNamespace(
        user=SimpleNamespace(id=ME),
        intents=discord.Intents(message_content=True),
        get_partial_messageable=where,
    )
    return Means(*cast("Any", (client, None, store, SimpleNamespace(of_author=of_author), Pace())))


async def heard_up_to(store: Store, message_id: int) -> None:
    async with asyncio.timeout(5):
        while (await store.heard(RUN) or 0) < message_id:
            await asyncio.sleep(0.01)


async def test_what_is_posted_in_an_ended_runs_thread_does_not_hide_what_was_missed_before(
    store: Store, said: list[str]
) -> None:
    thread = Thread([])
    thread.messages = [message(number, thread) for number in (1, 2, 3)]
    await store.save_thread(ThreadRow(RUN, 9, THREAD, None, ended=100))
    await store.save_heard(RUN, thread.messages[0].id)
    await store.save_reply(RUN, ReplyRow(thread.messages[0].id, "taken", "an id"))
    hearing = Hearing(means(store, thread))
    hearing.on_message(thread.messages[2])  # the second came while the bot was away
    await heard_up_to(store, thread.messages[2].id)
    await hearing.close()
    assert said == ["number 2", "number 3"]


async def test_whoever_waits_for_the_end_of_a_listener_does_so_no_more_once_the_thread_is_gone(store: Store) -> None:
    thread = Thread([])
    row = ThreadRow(RUN, 9, THREAD, None, ended=0)
    await store.save_reply(RUN, ReplyRow(THREAD + 1, "queued", "an id"))
    thread.gone = True
    made = Listener(means(store, thread), row, GUILD)
    working = asyncio.create_task(made.work())

    async def was_woken() -> bool:
        return False

    async with asyncio.timeout(5):
        await made.finish(was_woken)
    made.leave()
    await working
    assert [each.state for each in await store.replies(RUN)] == ["queued"]
