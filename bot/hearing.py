"""Who listens where: what people type is brought to the listener of its thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import discord

from bot.listener import Listener, is_said
from bot.means import Means
from bot.store import ThreadRow
from vps.models import RunRecord


class Hearing:
    """All threads of runs that have not ended, or were written in since, each with its listener."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._listeners: dict[int, Listener] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, row: ThreadRow, record: RunRecord) -> Listener:
        """The thread's listener, which begins with what was typed there unheard."""
        return self._listener(row, record.origin.guild_id or self._guild_of(row.channel_id))

    def _listener(self, row: ThreadRow, guild_id: int | None) -> Listener:
        if row.thread_id not in self._listeners:
            listener = self._listeners[row.thread_id] = Listener(self._means, row, guild_id)
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

    def on_edit(self, message: discord.Message) -> None:
        """Something was changed somewhere, or shown otherwise."""
        if is_said(message) and message.guild is not None:
            self._changed(message.channel.id, message.guild.id, message.id, lambda each: each.edited(message))

    def on_delete(self, channel_id: int, guild_id: int | None, message_id: int) -> None:
        """Something was removed somewhere."""
        self._changed(channel_id, guild_id, message_id, lambda each: each.deleted(message_id))

    def _changed(
        self, channel_id: int, guild_id: int | None, message_id: int, tell: Callable[[Listener], None]
    ) -> None:
        listener = self._listeners.get(channel_id)
        if listener is not None:
            tell(listener)
        else:
            self._start(self._changed_late(channel_id, guild_id, message_id, tell), f"changed {message_id}")

    async def _changed_late(
        self, channel_id: int, guild_id: int | None, message_id: int, tell: Callable[[Listener], None]
    ) -> None:
        """As `_late`: one that its agent reads when it wakes, or has read."""
        row = await self._means.store.thread_of(channel_id)
        if row is None or not row.ended:
            return
        if any(reply.message_id == message_id for reply in await self._means.store.replies(row.run)):
            tell(self._listener(row, guild_id))

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
            self._listener(row, message.guild.id).heard(message)

    async def look_back(self, guilds: Iterable[discord.Guild]) -> None:
        """Something may have been typed in threads of runs that ended, while nobody was here to hear it."""
        for thread in [thread for guild in guilds for thread in guild.threads]:
            row = await self._means.store.thread_of(thread.id)
            if row is None or not row.ended or thread.last_message_id is None:
                continue
            if thread.last_message_id > (await self._means.store.heard(row.run) or 0):
                self._listener(row, thread.guild.id)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _guild_of(self, channel_id: int) -> int | None:
        channel = self._means.client.get_channel(channel_id)
        guild = getattr(channel, "guild", None)
        return guild.id if guild else self._means.crew.settings.DISCORD_GUILD_ID
