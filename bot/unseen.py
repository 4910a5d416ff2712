"""A form for what must not stand in a command: Discord shows commands, and offers earlier ones again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import discord

from agents.tools.core import Call, Tool
from bot import people
from bot.calls import answered
from vps.mask import SHORTEST

if TYPE_CHECKING:
    from bot.app import Bot


async def ask(interaction: discord.Interaction[Any], tool: Tool[Any, Any], given: dict[str, Any]) -> None:
    """Ask for it, of whom the tool would take it with the rest."""
    crew = cast("Bot", interaction.client).crew
    call = Call(people.origin(interaction), await cast("Bot", interaction.client).people.rights(interaction))
    (name,) = tool.unseen
    await tool.check(crew, {**given, name: "x" * SHORTEST}, call)
    await interaction.response.send_modal(UnseenForm(tool, given, name))


class UnseenForm(discord.ui.Modal):
    """One field, which a person fills in."""

    def __init__(self, tool: Tool[Any, Any], given: dict[str, Any], name: str) -> None:
        super().__init__(title=tool.verb.capitalize())
        self._tool, self._given, self._name = tool, given, name
        about = next(iter(given.values()), name)
        self.typed: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=str(about)[:45], custom_id=name, style=discord.TextStyle.paragraph, max_length=4000
        )
        self.add_item(self.typed)

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Call the tool with it."""
        given = {**self._given, self._name: self.typed.value}
        crew = cast("Bot", interaction.client).crew
        await answered(interaction, lambda call: self._tool.invoke(crew, given, call))

    async def on_error(self, interaction: discord.Interaction[Any], error: Exception, /) -> None:
        """As for a command."""
        await cast("Bot", interaction.client).tell_error(interaction, error)
