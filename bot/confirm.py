"""Asks the person who gave a command for a yes, by buttons that nobody else can press and that expire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.render.text import fence, plain
from bot.replies import unimportant

EXPIRES_S = 120.0


class Confirmation(discord.ui.View):
    """Yes, no, or nothing in time."""

    def __init__(self, person: int) -> None:
        super().__init__(timeout=EXPIRES_S)
        self._person = person
        self.answer: bool | None = None
        """Of the first press; None while there is none."""

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """Bound to the one who was asked."""
        if interaction.user.id == self._person:
            return True
        await interaction.response.send_message("Somebody else was asked.", ephemeral=True)
        return False

    @discord.ui.button(label="Confirm", style=discord.ButtonStyle.danger)
    async def confirm(self, interaction: discord.Interaction[Any], _button: discord.ui.Button[Any]) -> None:
        """Yes."""
        await self._take(interaction, "Confirmed.", answer=True)

    @discord.ui.button(label="Cancel", style=discord.ButtonStyle.secondary)
    async def cancel(self, interaction: discord.Interaction[Any], _button: discord.ui.Button[Any]) -> None:
        """No."""
        await self._take(interaction, "Cancelled.", answer=False)

    async def _take(self, interaction: discord.Interaction[Any], shown: str, *, answer: bool) -> None:
        """The first press counts, whatever becomes of showing it."""
        with unimportant():
            if self.answer is not None:
                await interaction.response.defer()
                return
            self.answer = answer
            await interaction.response.edit_message(content=shown, view=None)
        self.stop()


def asked(interaction: discord.Interaction[Any]) -> Callable[[str], Awaitable[bool]]:
    """Asks in the deferred private answer of `interaction`."""

    async def ask(question: str) -> bool:
        view = Confirmation(interaction.user.id)
        shown = _shown(question)
        await interaction.edit_original_response(content=f"⚠️ {shown}", view=view)
        await view.wait()
        if view.answer is None:
            await interaction.edit_original_response(content=f"⌛ {shown} Nobody answered.", view=None)
        return bool(view.answer)

    return ask


def _shown(question: str) -> str:
    """One that holds what a model gave has lines, of which no markup may hide or change anything."""
    text = plain(question)
    return f"Shall I?\n{fence(text)}" if "\n" in text else text
