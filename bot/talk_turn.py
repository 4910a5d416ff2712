"""One turn of the text agent in Discord: an answer that is edited while it grows, with a Stop button, and what is kept of it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

import discord
import structlog

from agents.rights import Right
from agents.talk.client import opened
from agents.talk.loop import Turn
from agents.talk.memory import fitted, mended
from agents.tools.core import Call
from bot.ask_by_button import ask_person
from bot.delivery import MessageGoneError, ThreadGoneError, insist
from bot.render.blocks import Attachment
from bot.replies import answer_privately, unimportant
from bot.talk_files import Files
from bot.talk_store import TalkRow, TalkStore
from bot.talk_view import View, final, live
from vps.errors import VpsError

if TYPE_CHECKING:
    from bot.app import Bot

log = structlog.get_logger()

STOPPED = "⏹️ Stopped. What was under way may have been done: look, then ask again."
BOT_STOPPED = "⏸️ The bot was stopped in the middle; ask again. What was under way may have been done."
_STOP_ID = "agentflow:talk:"
_EDIT_S = 1.5


class Answer:
    """The answer to what a person wrote in a channel. `call` tells who, with their rights."""

    def __init__(self, bot: Bot, store: TalkStore, row: TalkRow, call: Call, person: int, files: Files) -> None:
        self._bot, self._store, self._row, self._call, self._person = bot, store, row, call, person
        self._files = files
        self._view = View()
        self._turn: Turn | None = None
        self._work: asyncio.Task[str] | None = None
        self._stopped = False
        self._shown: discord.Message | None = None

    @property
    def person(self) -> int:
        """The id of the one who is answered."""
        return self._person

    def stop(self) -> None:
        """End it at once."""
        self._stopped = True
        if self._work is not None:
            self._work.cancel()

    async def give(self, channel: discord.abc.Messageable, text: str, own: str) -> None:
        """Answer `text`, that of the message it was begun about and of those before it.

        `own` is what the person wrote of it themselves.
        """
        shown = self._shown
        assert shown is not None
        painting = asyncio.create_task(self._paint(shown), name=f"paint {shown.id}")
        note, ends = "", False
        try:
            note = await self._result(channel, text, own)
        except asyncio.CancelledError:
            note, ends = BOT_STOPPED, True
        finally:
            painting.cancel()
            await asyncio.gather(painting, return_exceptions=True)
        try:
            await self._keep()
        finally:
            await self._finish(channel, shown, note)
            await self._store.end(self._row.channel_id)
        if ends:
            raise asyncio.CancelledError

    async def begin(self, channel: discord.abc.Messageable, about: discord.Message) -> None:
        """Send the message that is going to be the answer. Raises discord.Forbidden where the bot may not write there."""
        # To one in another channel, as that which a thread hangs on is, Discord takes no reply. A preview of an address would
        # carry out what the model has read.
        same = about.channel.id == self._row.channel_id
        more: dict[str, Any] = {"reference": about.to_reference(fail_if_not_exists=False)} if same else {}
        view = discord.ui.View(timeout=None).add_item(StopButton(self._row.channel_id))
        shown = await insist(
            lambda: channel.send(
                live(self._view, self._masked),
                view=view,
                suppress_embeds=True,
                mention_author=False,
                nonce=f"{about.id}-t",
                **more,
            ),
            patient=False,
        )
        await self._store.begin(self._row.channel_id, shown.id)
        self._shown = shown

    async def _result(self, channel: discord.abc.Messageable, text: str, own: str) -> str:
        """What the person has to know of the end."""
        self._work = asyncio.create_task(self._done(channel, text, own), name=f"talk {self._row.channel_id}")
        if self._stopped:
            self._work.cancel()
        try:
            return await self._work
        except asyncio.CancelledError:
            self._view.stop()
            if self._stopped and self._work.cancelled():
                return STOPPED
            raise
        except VpsError as error:
            self._view.stop()
            return f"❌ {error}"
        except Exception:  # noqa: BLE001  the person has to be told; it is logged with its trace
            self._view.stop()
            reference = secrets.token_hex(4)
            await log.aexception("answer failed", reference=reference)
            return f"❌ Something went wrong here; the log has it under {reference}."

    async def _done(self, channel: discord.abc.Messageable, text: str, own: str) -> str:
        async def progress(step: str) -> None:
            self._view.status(step)

        async def confirm(question: str) -> bool:
            return await ask_person(channel, self._person, question)

        async def keep(_messages: object) -> None:
            await self._keep()

        crew = self._bot.crew
        async with opened(crew, self._row.name, self._call.origin.person, progress) as model:
            self._turn = Turn(crew, model, self._call, self._rights, confirm, self._view, self._files)
            return await self._turn.run(self._row.turns, text, own, keep)

    async def _rights(self) -> frozenset[Right]:
        """By now: a turn may take hours."""
        return await self._bot.people.of_caller(self._bot, self._call.origin)

    async def _keep(self) -> None:
        """What there is of it, so that another turn can follow whatever happens."""
        if self._turn is not None and self._turn.messages:
            turns = fitted([*self._row.turns, mended(self._turn.messages)])
            await self._store.save(replace(self._row, turns=turns))

    async def _paint(self, shown: discord.Message) -> None:
        """Show what is new, now and then."""
        painted, before = 0, shown.content
        while True:
            await asyncio.sleep(_EDIT_S)
            if self._view.changes == painted:
                continue
            painted = self._view.changes
            if (text := live(self._view, self._masked)) != before:
                before = text
                with unimportant():
                    await shown.edit(content=text, suppress=True)

    async def _finish(self, channel: discord.abc.Messageable, shown: discord.Message, note: str) -> None:
        calls, usd = (self._turn.calls, self._turn.usd) if self._turn else (0, 0.0)
        (first, *others), files = final(self._view, note, self._masked, calls=calls, usd=usd)
        try:
            await insist(lambda: shown.edit(content=first, view=None, suppress=True), patient=False)
            for number, each in enumerate(others):
                last = files if number == len(others) - 1 else ()
                await insist(functools.partial(_send, channel, each, last, f"{shown.id}-{number}"), patient=False)
        except (MessageGoneError, ThreadGoneError, discord.DiscordException) as error:
            await log.awarning("answer not shown", channel=self._row.channel_id, error=str(error))

    def _masked(self, text: str) -> str:
        return self._bot.crew.mask.text(text)


async def _send(
    channel: discord.abc.Messageable, text: str, files: Sequence[Attachment], nonce: str
) -> discord.Message:
    made = [discord.File(io.BytesIO(file.content), file.name) for file in files]
    return await channel.send(text, files=made, suppress_embeds=True, nonce=nonce)


class StopButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]], template=re.escape(_STOP_ID) + r"(?P<channel>\d{1,20})"
):
    """Ends the answer that is under way in a channel. It works after a restart of the bot too: there is none then."""

    def __init__(self, channel_id: int) -> None:
        button = discord.ui.Button[Any](
            label="Stop", style=discord.ButtonStyle.danger, custom_id=f"{_STOP_ID}{channel_id}"
        )
        super().__init__(button)
        self._channel_id = channel_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """See discord.py."""
        return cls(int(match["channel"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Stop it, if the one who pressed was answered or may run agents."""
        bot = cast("Bot", interaction.client)
        answer = bot.talks.answers.get(self._channel_id)
        if answer is None:
            await answer_privately(interaction, "Nothing is under way here.")
        elif interaction.user.id != answer.person and Right.RUN not in await bot.people.rights(interaction):
            await answer_privately(
                interaction, f"Only who is answered may stop it, or who has the right to {Right.RUN}."
            )
        else:
            answer.stop()
            with contextlib.suppress(discord.HTTPException):
                await interaction.response.defer()
