"""Where a run's thread is: on the anchor that its spawn left, on the one found in the channel, or on a new one."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import discord

from bot.delivery import MessageGoneError, Refused, insist
from bot.marks import Mark, marked, read
from bot.store import ThreadRow
from vps.models import RunRecord

_NAME_LIMIT = 100
ALREADY_HAS_THREAD = 160004
"""Discord's code."""
_SKEW_S = 300.0
"""How far the host's clock may be ahead of Discord's when an anchor is looked for by time."""


class Opening:
    """Finds or makes a run's thread."""

    def __init__(
        self, client: discord.Client, record: RunRecord, default_channel: int | None, refused: Refused
    ) -> None:
        self._client = client
        self._record = record
        self._channel_id = record.origin.channel_id or default_channel
        self._refused = refused

    async def row(self, *, make: bool) -> ThreadRow | None:
        """See `RunThread.open`."""
        channel = await self._channel()
        if channel is None:
            return None
        find = self._anchored if make else self._found
        anchor_id = self._record.origin.thread_id or await insist(lambda: find(channel), self._refused)
        if anchor_id is None or not (make or await insist(lambda: self._is_thread(anchor_id), self._refused)):
            return None
        message = channel.get_partial_message(anchor_id)
        # Where somebody deleted it, what is looked for in its thread finds that gone too, if there is none.
        with contextlib.suppress(MessageGoneError):
            await insist(lambda: _create_thread(message, _thread_name(self._record)), self._refused)
        return ThreadRow(self._record.name, channel.id, anchor_id, None, ended=False)

    async def anchor(self) -> discord.PartialMessage | None:
        """The message that the thread of a run that is about to be made will open on; None where it has no channel."""
        channel = await self._channel()
        if channel is None:
            return None
        return channel.get_partial_message(await insist(lambda: self._anchored(channel), self._refused))

    async def _channel(self) -> discord.PartialMessageable | None:
        if self._channel_id is None:
            return None
        guild_id = self._record.origin.guild_id or await self._guild_of(self._channel_id)
        return self._client.get_partial_messageable(self._channel_id, guild_id=guild_id)

    async def _anchored(self, channel: discord.PartialMessageable) -> int:
        """A retry looks for the anchor first: the one before may have come through."""
        if (found := await self._found(channel)) is not None:
            return found
        origin = self._record.origin
        text = f"🚀 {_thread_name(self._record)}\n-# started by {origin.caller_name or origin.caller or 'hand'}"
        sent = await channel.send(marked(text[:1800], self._record.name, Mark("anchor")), nonce=self._record.name[-20:])
        return sent.id

    async def _found(self, channel: discord.PartialMessageable) -> int | None:
        after = datetime.fromtimestamp(self._record.created_at - _SKEW_S, UTC)
        async for message in channel.history(limit=1000, after=after, oldest_first=True):
            ours = self._client.user is not None and message.author.id == self._client.user.id
            if ours and (found := read(message.content, self._record.name)) and found[1].kind == "anchor":
                return message.id
        return None

    async def _is_thread(self, thread_id: int) -> bool:
        try:
            await self._client.fetch_channel(thread_id)
        except discord.NotFound:
            return False
        return True

    async def _guild_of(self, channel_id: int) -> int | None:
        channel = self._client.get_channel(channel_id)
        if channel is None:
            channel = await insist(lambda: self._client.fetch_channel(channel_id), self._refused)
        guild = getattr(channel, "guild", None)
        return guild.id if guild else None


async def _create_thread(anchor: discord.PartialMessage, name: str) -> None:
    try:
        await anchor.create_thread(name=name)
    except discord.HTTPException as error:
        if error.code != ALREADY_HAS_THREAD:
            raise


def _thread_name(record: RunRecord) -> str:
    words = " ".join(record.task.split()) or record.name
    return words if len(words) <= _NAME_LIMIT else words[: _NAME_LIMIT - 1] + "…"
