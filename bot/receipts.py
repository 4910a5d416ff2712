"""What people see at a message of theirs: reactions that tell where it is, and replies without a ping."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import discord
import structlog

from bot.delivery import MessageGoneError, insist
from bot.means import Means
from bot.render.blocks import TEXT_LIMIT
from bot.render.text import shorten
from bot.store import ThreadRow

log = structlog.get_logger()

QUEUED, TAKEN, REFUSED = "📥", "✅", "❌"


class Receipts:
    """Those in one run's thread. Raises ThreadGoneError where that is gone."""

    def __init__(self, means: Means, row: ThreadRow, guild_id: int | None) -> None:
        self._means, self._run = means, row.run
        self._thread_id, self._guild_id = row.thread_id, guild_id

    async def mark(self, message: int, emoji: str, *, remove: bool = False) -> bool:
        """Whether it could be shown."""
        shown = self._messages.get_partial_message(message)
        assert self._means.client.user is not None
        me = discord.Object(self._means.client.user.id)
        return await self._called(
            lambda: shown.remove_reaction(emoji, me) if remove else shown.add_reaction(emoji), message
        )

    async def answer(self, message: int, kind: str, text: str) -> None:
        """A reply to it, without a ping. A retry under the same nonce does not post twice."""
        answered = discord.MessageReference(message_id=message, channel_id=self._thread_id, fail_if_not_exists=False)
        nonce = f"{message}-{kind}"
        await self._called(
            lambda: self._messages.send(
                shorten(text, TEXT_LIMIT), reference=answered, mention_author=False, nonce=nonce
            ),
            message,
        )

    async def _called(self, call: Callable[[], Awaitable[object]], message: int) -> bool:
        """Whether Discord did it. What it will not do, a mark least of all, must not stand in the way of the messages."""

        async def attempt() -> bool:
            await self._means.pace.turn()
            try:
                await call()
            except discord.Forbidden as error:
                await log.awarning("not shown", run=self._run, message=message, error=error.text)
                return False
            return True

        try:
            return await insist(attempt)
        except (MessageGoneError, discord.HTTPException) as error:
            await log.awarning("not shown", run=self._run, message=message, error=str(error))
            return True

    @property
    def _messages(self) -> discord.PartialMessageable:
        return self._means.client.get_partial_messageable(self._thread_id, guild_id=self._guild_id)
