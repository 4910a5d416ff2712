"""Asks a person for a yes in a message of its own, by buttons that nobody else can press and that expire."""

from __future__ import annotations

import asyncio
import io
import re
import secrets
from collections.abc import Callable
from typing import Any, Self

import discord

from bot.delivery import insist
from bot.render.text import fence, plain, shorten
from bot.replies import answer_privately, unimportant
from vps.errors import VpsError

EXPIRES_S = 600.0
_ID = "agentflow:yes:"
_SHOWN = 1300
"""A code block breaks runs of backticks, which makes them longer by a third."""
_WHOLE = "\n-# All of it is in the file."
_ENDS = {True: "✅ Confirmed.", False: "🚫 Declined.", None: "⌛ Nobody answered: not done."}
_LEFT = "⏸️ The bot was restarted: not done. Ask again."

_open: dict[str, asyncio.Future[bool]] = {}
"""The questions of this process, by their keys."""


class YesButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=re.escape(_ID) + r"(?P<person>\d{1,20}):(?P<key>[0-9a-f]{16}):(?P<word>yes|no)",
):
    """One of the two below a question. After a restart of the bot it tells that nobody waits for it any more."""

    def __init__(self, person: int, key: str, word: str) -> None:
        label, style = {
            "yes": ("Yes, do it", discord.ButtonStyle.danger),
            "no": ("No", discord.ButtonStyle.secondary),
        }[word]
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"{_ID}{person}:{key}:{word}"))
        self._person, self._key, self._agrees = person, key, word == "yes"

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """See discord.py."""
        return cls(int(match["person"]), match["key"], match["word"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Take the answer of the one who was asked."""
        if interaction.user.id != self._person:
            await answer_privately(interaction, "Somebody else was asked.")
            return
        asked = _open.get(self._key)
        if asked is None:
            before = interaction.message.content if interaction.message else ""
            with unimportant():
                await interaction.response.edit_message(content=f"{before}\n{_LEFT}", view=None)
            return
        # The first press counts, whatever becomes of showing it.
        if not asked.done():
            asked.set_result(self._agrees)
        with unimportant():
            await interaction.response.defer()


async def ask_person(
    channel: discord.abc.Messageable, user_id: int, question: str, *, within_s: float = EXPIRES_S
) -> bool:
    """Whether that person says yes within that many seconds; others who press are told that somebody else was asked.

    What is too long for a message is in a file. The buttons go when it is over, also where this is cancelled. Raises VpsError where
    the bot may not ask there, or could not in that time.
    """
    text = plain(question)
    shown = shorten(text, _SHOWN)
    head = f"<@{user_id}> ⚠️ Shall I?\n{fence(shown)}" + (_WHOLE if shown != text else "")
    key, answer = secrets.token_hex(8), None
    view = discord.ui.View(timeout=None)
    for word in ("yes", "no"):
        view.add_item(YesButton(user_id, key, word))

    def sent() -> Any:
        files = [discord.File(io.BytesIO(text.encode()), "question.txt")] if shown != text else []
        pinged = discord.AllowedMentions(users=[discord.Object(user_id)])
        return channel.send(head, view=view, files=files, allowed_mentions=pinged)

    _open[key] = asyncio.get_running_loop().create_future()
    try:
        message = await _posted(sent, within_s)
        try:
            async with asyncio.timeout(within_s):
                answer = await _open[key]
        except TimeoutError:
            return False
        finally:
            view.stop()
            await asyncio.shield(_closed(message, f"{head}\n{_ENDS[answer]}"))
        return bool(answer)
    finally:
        del _open[key]


async def _posted(sent: Callable[[], Any], within_s: float) -> discord.Message:
    try:
        async with asyncio.timeout(within_s):
            return await insist(sent, patient=False)
    except (discord.Forbidden, TimeoutError) as error:
        remedy = "Give the bot the rights to send messages and to attach files there, then ask again."
        raise VpsError("Nobody could be asked for a yes: Discord did not take the question.", remedy=remedy) from error


async def _closed(message: discord.Message, text: str) -> None:
    with unimportant():
        await message.edit(content=text, view=None)
