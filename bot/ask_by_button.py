"""Asks a person for a yes in a channel, by buttons below a message: for what is done for them without an interaction."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import discord

from bot.render.blocks import TEXT_LIMIT
from bot.render.text import plain, shorten
from bot.replies import unimportant

EXPIRES_S = 600.0
_ROOM = 100
"""Characters that the mention and the outcome take."""


class _Buttons(discord.ui.View):
    """Yes or no, of one person."""

    def __init__(self, person: int) -> None:
        super().__init__(timeout=None)  # the one who waits for it bounds it
        self._person = person
        self.agreed: bool | None = None

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """Bound to the one who was asked."""
        if interaction.user.id == self._person:
            return True
        await interaction.response.send_message("Somebody else was asked.", ephemeral=True)
        return False

    @discord.ui.button(label="Confirm", style=discord.ButtonStyle.danger)
    async def confirm(self, interaction: discord.Interaction[Any], _button: discord.ui.Button[Any]) -> None:
        """Yes."""
        await self._end(interaction, agreed=True)

    @discord.ui.button(label="Cancel", style=discord.ButtonStyle.secondary)
    async def cancel(self, interaction: discord.Interaction[Any], _button: discord.ui.Button[Any]) -> None:
        """No."""
        await self._end(interaction, agreed=False)

    async def _end(self, interaction: discord.Interaction[Any], *, agreed: bool) -> None:
        self.agreed = agreed
        with unimportant():
            await interaction.response.defer()
        self.stop()


async def ask_person(
    channel: discord.abc.Messageable, user_id: int, question: str, *, within_s: float = EXPIRES_S
) -> bool:
    """Whether that person pressed Confirm in time; the buttons go in any case, the question stays with its outcome.

    `question` is masked already. Raises discord.HTTPException where it cannot be asked there at all.
    """
    view = _Buttons(user_id)
    text = f"⚠️ {shorten(plain(question), TEXT_LIMIT - _ROOM)}"
    alone = discord.AllowedMentions(users=[discord.Object(user_id)])
    message = await channel.send(f"<@{user_id}> {text}", view=view, allowed_mentions=alone)
    outcome = "⏸️ I was stopped before an answer came."
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await view.wait()
        outcome = {True: "✅ Confirmed.", False: "❌ Cancelled.", None: "⌛ Nobody answered."}[view.agreed]
        return view.agreed is True
    finally:
        view.stop()
        with unimportant():
            await message.edit(content=f"{text}\n{outcome}", view=None)
