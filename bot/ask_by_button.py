"""Asks a person for a yes in a message of its own, by buttons that nobody else can press and that expire."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import discord

from bot.delivery import insist
from bot.render.text import fence, plain, shorten
from bot.replies import unimportant
from vps.errors import VpsError

EXPIRES_S = 600.0
_SHOWN = 1300
"""A code block breaks runs of backticks, which makes them longer by a third."""
_WHOLE = "\n-# All of it is in the file."
_ENDS = {True: "✅ Confirmed.", False: "🚫 Declined.", None: "⌛ Nobody answered: not done."}


class _Asked(discord.ui.View):
    def __init__(self, user_id: int) -> None:
        super().__init__(timeout=None)
        self._user_id = user_id
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        if interaction.user.id == self._user_id:
            return True
        await interaction.response.send_message("Somebody else was asked.", ephemeral=True)
        return False

    @discord.ui.button(label="Yes, do it", style=discord.ButtonStyle.danger)
    async def yes(self, interaction: discord.Interaction[Any], _button: discord.ui.Button[Any]) -> None:
        await self._take(interaction, agreed=True)

    @discord.ui.button(label="No", style=discord.ButtonStyle.secondary)
    async def no(self, interaction: discord.Interaction[Any], _button: discord.ui.Button[Any]) -> None:
        await self._take(interaction, agreed=False)

    async def _take(self, interaction: discord.Interaction[Any], *, agreed: bool) -> None:
        # The first press counts, whatever becomes of showing it.
        if not self.answer.done():
            self.answer.set_result(agreed)
        with unimportant():
            await interaction.response.defer()


async def ask_person(
    channel: discord.abc.Messageable, user_id: int, question: str, *, within_s: float = EXPIRES_S
) -> bool:
    """Whether that person says yes within that many seconds; others who press are told that somebody else was asked.

    What is too long for a message is in a file. The buttons go when it is over, also where this is cancelled. Raises VpsError where
    the bot may not ask there, or could not in that time.
    """
    view, text = _Asked(user_id), plain(question)
    shown = shorten(text, _SHOWN)
    head = f"<@{user_id}> ⚠️ Shall I?\n{fence(shown)}" + (_WHOLE if shown != text else "")

    def sent() -> Any:
        files = [discord.File(io.BytesIO(text.encode()), "question.txt")] if shown != text else []
        pinged = discord.AllowedMentions(users=[discord.Object(user_id)])
        return channel.send(head, view=view, files=files, allowed_mentions=pinged)

    answer: bool | None = None
    try:
        async with asyncio.timeout(within_s):
            message: discord.Message = await insist(sent, patient=False)
    except (discord.Forbidden, TimeoutError) as error:
        remedy = "Give the bot the rights to send messages and to attach files there, then ask again."
        raise VpsError("Nobody could be asked for a yes: Discord did not take the question.", remedy=remedy) from error
    try:
        async with asyncio.timeout(within_s):
            answer = await view.answer
    except TimeoutError:
        return False
    finally:
        view.stop()
        await asyncio.shield(_closed(message, f"{head}\n{_ENDS[answer]}"))
    return bool(answer)


async def _closed(message: discord.Message, text: str) -> None:
    with unimportant():
        await message.edit(content=text, view=None)
