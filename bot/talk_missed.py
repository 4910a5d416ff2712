"""What was written to the text agent while nobody was here to hear it: read where it talked lately."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncGenerator
from typing import TypeGuard

import discord
import structlog

from bot.delivery import ThreadGoneError, insist
from bot.talk_store import TalkStore
from vps.errors import VpsError

log = structlog.get_logger()

_LATELY_S = 7 * 86_400.0
_MOST, _MOST_OF_CHANNEL = 50, 200
"""Messages of one place; whoever wrote more than that has long given up. In a channel most are between people."""


async def missed(client: discord.Client, store: TalkStore) -> AsyncGenerator[discord.Message]:
    """The messages behind those that were heard last, oldest first, place after place. Some may be known already."""
    for channel_id, heard in (await store.heard(since=time.time() - _LATELY_S)).items():
        try:
            found = await insist(functools.partial(_behind, client, channel_id, discord.Object(heard)))
            for message in found:
                if not await _has_talk(message, store):
                    yield message
        except ThreadGoneError:
            await store.drop(channel_id)
        except VpsError as error:
            await log.ainfo("a place of the text agent was not read", channel=channel_id, error=str(error))


def is_channel(channel: object) -> TypeGuard[discord.TextChannel]:
    """Whether conversations begin there in threads of their own."""
    return isinstance(channel, discord.TextChannel)


async def _has_talk(message: discord.Message, store: TalkStore) -> bool:
    """A thread on a message has its id."""
    return is_channel(message.channel) and await store.talk(message.id) is not None


async def _behind(client: discord.Client, channel_id: int, heard: discord.Object) -> list[discord.Message]:
    try:
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if is_channel(channel):
            newest = [
                message async for message in channel.history(limit=_MOST_OF_CHANNEL, after=heard, oldest_first=False)
            ]
            return newest[::-1]
        if isinstance(channel, discord.Thread | discord.DMChannel):
            return [message async for message in channel.history(limit=_MOST, after=heard, oldest_first=True)]
    except discord.Forbidden:  # waiting for the right would hold up the other places
        pass
    return []
