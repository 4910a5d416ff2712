"""Tells a person what cannot be told where it belongs."""

from __future__ import annotations

import discord
import structlog

from bot.render.text import one_line, plain
from vps.models import RunRecord

log = structlog.get_logger()


async def report(client: discord.Client, record: RunRecord, text: str) -> None:
    """In direct messages to the one who asked for the run, else in the channel above its thread, and in the log in any case."""
    await log.awarning("reported", run=record.name, text=text)
    said = f"⚠️ {one_line(record.task, 100)} (`{record.name}`): {plain(text)}"
    for where in (_directly, _in_channel):
        try:
            if await where(client, record, said[:1900]):
                return
        except discord.HTTPException as error:
            await log.awarning("report not delivered", run=record.name, error=str(error))


async def _directly(client: discord.Client, record: RunRecord, said: str) -> bool:
    person = record.origin.discord_person
    if person is None:
        return False
    channel = await client.create_dm(discord.Object(person))
    await channel.send(said)
    return True


async def _in_channel(client: discord.Client, record: RunRecord, said: str) -> bool:
    if record.origin.channel_id is None:
        return False
    await client.get_partial_messageable(record.origin.channel_id).send(said)
    return True
