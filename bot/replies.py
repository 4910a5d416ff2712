"""Answers to interactions, also those that come after Discord has forgotten the interaction."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator, Sequence
from typing import Any

import aiohttp
import discord
import structlog

from bot.render.blocks import Attachment

log = structlog.get_logger()

_OVER = (401, 404)
"""What Discord says of an interaction older than 15 minutes, or of an answer that was dismissed."""


@contextlib.contextmanager
def unimportant() -> Generator[None]:
    """For what is only shown in passing: Discord's trouble with it must not end the work that it tells of."""
    try:
        yield
    except (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.debug("not shown", error=str(error))


async def deliver(interaction: discord.Interaction[Any], text: str, files: Sequence[Attachment] = ()) -> None:
    """Put the answer in the place of the private deferred one; where that is over, into the person's direct messages."""
    try:
        await interaction.edit_original_response(content=text, attachments=_made(files), view=None)
    except discord.HTTPException as error:
        if error.status not in _OVER:
            raise
        await _send_directly(interaction, text, files)


async def answer_privately(interaction: discord.Interaction[Any], text: str) -> None:
    """Whether or not it was answered or deferred already."""
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except discord.HTTPException as error:
        if error.status not in _OVER:
            raise
        await _send_directly(interaction, text)


async def _send_directly(interaction: discord.Interaction[Any], text: str, files: Sequence[Attachment] = ()) -> None:
    try:
        await interaction.user.send(text, files=_made(files))
    except discord.HTTPException as error:
        await log.awarning("answer not delivered", user=interaction.user.id, error=str(error))


def _made(files: Sequence[Attachment]) -> list[discord.File]:
    return [discord.File(io.BytesIO(file.content), file.name, description=file.description or None) for file in files]
