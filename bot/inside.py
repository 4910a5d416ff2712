"""What agents get of Discord for what they ask: the rights of the person behind them, and threads for their children."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord

from agents.rights import EVERYTHING, Right
from bot.opening import Opening
from bot.render.text import plain, shorten
from bot.replies import unimportant
from bot.reports import report
from vps.models import Origin, RunRecord

if TYPE_CHECKING:
    from bot.app import Bot


@dataclass(frozen=True, slots=True)
class Anchored:
    """The message that a thread is going to open on, which gives it its id."""

    message: discord.PartialMessage

    @property
    def thread_id(self) -> int:
        """See `agents.tools.core.Announced`."""
        return self.message.id

    async def failed(self, why: str) -> None:
        """See `agents.tools.core.Announced`."""
        with unimportant():
            await self.message.edit(content=f"❌ A child could not be started: {shorten(plain(why), 1500)}")


class FromDiscord:
    """See `agents.inside.Means`."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def rights(self, origin: Origin) -> frozenset[Right]:
        """Whoever holds the SSH key may do everything; others what Discord says now."""
        if origin.person.startswith("operator:"):
            return EVERYTHING
        if origin.discord_person is None:
            return frozenset()
        return await self._bot.people.of_caller(self._bot, origin)

    async def announce(self, record: RunRecord) -> Anchored | None:
        """The anchor of a child's thread, found again by who is asked a second time."""
        masked = record.model_copy(update={"task": self._bot.crew.mask.text(record.task)})

        async def refused(why: str) -> None:
            await report(self._bot, masked, f"Discord does not let me open its thread: {why}. I go on trying.")

        anchor = await Opening(self._bot, masked, self._bot.settings.DISCORD_CHANNEL_ID, refused).anchor()
        return None if anchor is None else Anchored(anchor)
