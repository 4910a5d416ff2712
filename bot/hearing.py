"""Who listens where: what people type is brought to the listener of its thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import discord

from bot.listener import Listener, Means, is_said
from bot.store import ThreadRow
from vps.models import RunRecord


class Hearing:
    """All threads of runs that have not ended, each with its listener."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._listeners: dict[int, Listener] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, row: ThreadRow, record: RunRecord) -> Listener:
        """The thread's listener, which begins with what was typed there unheard."""
        if row.thread_id not in self._listeners:
            listener = Listener(self._means, row, record.origin.guild_id or self._guild_of(row.channel_id))
            self._listeners[row.thread_id] = listener
            self._start(listener.work(), f"listen {row.run}")
        return self._listeners[row.thread_id]

    def forget(self, row: ThreadRow) -> None:
        """Its run has ended, and the store knows that the thread tells it."""
        listener = self._listeners.pop(row.thread_id, None)
        if listener is not None:
            listener.leave()

    def on_message(self, message: discord.Message) -> None:
        """Something was posted somewhere."""
        listener = self._listeners.get(message.channel.id)
        if listener is not None:
            listener.heard(message)
        elif is_said(message) and message.guild is not None:
            self._start(self._late(message), f"late {message.id}")

    def missed(self) -> None:
        """A new session with Discord: what was posted since the last one is told by nobody."""
        for listener in self._listeners.values():
            listener.missed()

    async def close(self) -> None:
        """Stop; what is under way is done again by the next one."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _late(self, message: discord.Message) -> None:
        """In a thread that nobody listens to. One whose run has not ended is read when that is shown again."""
        row = await self._means.store.thread_of(message.channel.id)
        if row is not None and row.ended and message.guild is not None:
            await Listener(self._means, row, message.guild.id).late(message)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _guild_of(self, channel_id: int) -> int | None:
        channel = self._means.client.get_channel(channel_id)
        guild = getattr(channel, "guild", None)
        return guild.id if guild else self._means.crew.settings.DISCORD_GUILD_ID
