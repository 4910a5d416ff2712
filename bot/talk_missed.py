"""What was written to the text agent while nobody was here to hear it: read where it talked lately."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncGenerator

import discord
import structlog

from bot.delivery import insist
from bot.talk_store import TalkStore
from vps.errors import VpsError

log = structlog.get_logger()

_LATELY_S = 7 * 86_400.0
_MOST = 50
"""Messages of one place; whoever wrote more than that has long given up."""


async def missed(client: discord.Client, store: TalkStore) -> AsyncGenerator[discord.Message]:
    """The messages behind those that were heard last, oldest first, place after place. Some may be known already."""
    for channel_id, heard in (await store.heard(since=time.time() - _LATELY_S)).items():
        try:
            for message in await insist(functools.partial(_behind, client, channel_id, discord.Object(heard))):
                yield message
        except VpsError as error:
            await log.ainfo("a place of the text agent is gone", channel=channel_id, error=str(error))


async def _behind(client: discord.Client, channel_id: int, heard: discord.Object) -> list[discord.Message]:
    try:
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if isinstance(channel, discord.Thread | discord.DMChannel):
            return [message async for message in channel.history(limit=_MOST, after=heard, oldest_first=True)]
    except discord.Forbidden:  # waiting for the right would hold up the other places
        pass
    return []
