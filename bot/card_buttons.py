"""The buttons of a run's card: they work after a restart of the bot too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self, cast

import discord

from agents.tools.agents import STOP
from agents.tools.core import Tool
from agents.tools.send import INTERRUPT
from bot.calls import answered
from bot.render.card import INTERRUPT_ID, STOP_ID
from vps.host.layout import NAME

if TYPE_CHECKING:
    from bot.app import Bot

_TOOLS: dict[str, Tool[Any, Any]] = {STOP_ID: STOP, INTERRUPT_ID: INTERRUPT}


class CardButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=f"(?P<id>{'|'.join(map(re.escape, _TOOLS))})(?P<name>{NAME.pattern})",
):
    """Stop or Interrupt."""

    def __init__(self, id_: str, name: str) -> None:
        super().__init__(discord.ui.Button(label=_TOOLS[id_].verb, custom_id=id_ + name))
        self._tool, self._name = _TOOLS[id_], name

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """See discord.py."""
        return cls(match["id"], match["name"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do it to the run, if the one who pressed may."""
        crew, given = cast("Bot", interaction.client).crew, {"container_id": self._name}
        await answered(interaction, lambda call: self._tool.invoke(crew, given, call))
