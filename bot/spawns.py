"""Spawns that people asked for: written down before they are answered, so that a bot goes on with what it was cut off in.

A run has its name before anything of it is made, and the host makes one of a name once: going on is asking again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
import structlog

from agents.config import SettingsError
from agents.tools.core import Call
from agents.tools.spawn import SPAWN, SpawnOutput
from bot import people
from bot.anchor import Anchor, title
from bot.attached import apart, fetched, told
from bot.delivery import insist
from bot.replies import unimportant
from bot.store import SpawnRow
from vps.errors import HostError, NoSuchRun, VpsError
from vps.mask import is_masked
from vps.models import new_name

if TYPE_CHECKING:
    from bot.app import Bot

log = structlog.get_logger()

PAUSED = "⏸️ The bot was stopped; it goes on with this when it is back."
TOO_LATE = "⌛ The bot was away for more than a day. Spawn it again if it is still wanted."
KEY_LOST = "Spawn it again: what you gave had a key in it, which is not stored."
_WANTED_S = 86_400.0
_AGAIN_S = 3.0


class Spawns:
    """Those of one bot."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def ask(self, interaction: discord.Interaction[Any], given: dict[str, Any]) -> None:
        """The answer is the anchor: the thread that opens on it has its id, so the run can be labelled before it is there."""
        bot, origin = self._bot, people.origin(interaction)
        given, files = apart(given)
        rights = await bot.people.rights(interaction)
        await SPAWN.check(bot.crew, given, Call(origin, rights))
        try:
            parent = self._parent(interaction)
        except SettingsError as error:
            await SPAWN.refuse(bot.crew, given, Call(origin, rights), error)
        name = new_name(round(time.time() * 1000))
        # Whoever types secrets into a task has them there once; what is stored is without them.
        kept = bot.crew.mask.json(given)
        row = SpawnRow(interaction.id, name, kept, origin.model_copy(update={"channel_id": parent}), files)
        with bot.calls.under_way():
            await bot.store.save_spawn(row)
            try:
                await interaction.response.defer(thinking=True)
                anchor = Anchor(self._title(row), interaction)
                row = await self._anchored(row, await anchor.open(parent))
            except Exception:
                await bot.store.forget_spawn(row.call_id)
                raise
            call = Call(row.origin, rights, anchor.progress, id=str(row.call_id), run=row.run)
            await self._start(row, anchor, lambda: self._invoked(replace(row, given=given), call))

    async def resume(self) -> None:
        """Go on with what an earlier bot was asked for."""
        await asyncio.gather(*(self._resumed(row) for row in await self._bot.store.spawns()))

    async def _resumed(self, row: SpawnRow) -> None:
        try:
            anchor = Anchor(self._title(row), message=await self._found(row))
            row = await self._anchored(row, anchor.message.id)
            if time.time() - discord.utils.snowflake_time(row.call_id).timestamp() > _WANTED_S:
                await insist(lambda: anchor.say(TOO_LATE))
                await self._bot.store.forget_spawn(row.call_id)
                return
            await log.ainfo("goes on with a spawn", run=row.run)
            rights = await self._bot.people.of_caller(self._bot, row.origin)
            call = Call(row.origin, rights, anchor.progress, run=row.run)
            await self._start(row, anchor, lambda: self._patiently(row, call))
        except (VpsError, discord.DiscordException) as error:
            await log.awarning("could not go on with a spawn", run=row.run, error=str(error))

    async def _start(self, row: SpawnRow, anchor: Anchor, invoke: Callable[[], Awaitable[SpawnOutput]]) -> None:
        try:
            output = await invoke()
        except VpsError as error:
            shown = f"❌ {self._bot.crew.mask.text(str(error))}"
        except asyncio.CancelledError:
            with unimportant():
                await anchor.say(PAUSED)
            raise
        else:
            shown = "\n".join(filter(None, (f"-# {output.container_id}", told(output.refused))))
        try:
            await insist(lambda: anchor.say(shown), patient=False)
        except Exception:
            # It is there, or was refused: that nobody can be told is no reason to ask for it again in the next bot.
            await self._bot.store.forget_spawn(row.call_id)
            raise
        await self._bot.store.forget_spawn(row.call_id)

    async def _invoked(self, row: SpawnRow, call: Call) -> SpawnOutput:
        """With what the files hold that were given with it."""
        return await SPAWN.invoke(self._bot.crew, row.given | await self._files(row), call)

    async def _files(self, row: SpawnRow) -> dict[str, Any]:
        """None where there are none: what was not given is not told as given."""
        return {"files": await fetched(row.files, self._bot.settings.attachment_bytes)} if row.files else {}

    async def _patiently(self, row: SpawnRow, call: Call) -> SpawnOutput:
        """Nobody looks at a spawn that is gone on with: where the host is away, it waits."""
        files = await self._files(row)
        while True:
            try:
                if is_masked(row.given) and not await self._is_made(row.run):
                    raise VpsError("The bot was stopped before it began.", remedy=KEY_LOST)
                return await SPAWN.invoke(self._bot.crew, row.given | files, call)
            except HostError as error:
                await log.awarning("host does not answer", run=row.run, error=str(error))
                await asyncio.sleep(_AGAIN_S)

    async def _is_made(self, run: str) -> bool:
        try:
            await self._bot.crew.runs.describe(run, tail=0)
        except NoSuchRun:
            return False
        return True

    def _title(self, row: SpawnRow) -> str:
        return title(self._bot.crew.mask.text(str(row.given["task"])))

    async def _anchored(self, row: SpawnRow, message_id: int) -> SpawnRow:
        row = replace(row, origin=row.origin.model_copy(update={"thread_id": message_id}))
        await self._bot.store.save_spawn(row)
        return row

    async def _found(self, row: SpawnRow) -> discord.PartialMessage:
        """The anchor that was left, or a new one."""
        assert row.origin.channel_id is not None
        channel = self._bot.get_partial_messageable(row.origin.channel_id, guild_id=row.origin.guild_id)
        known = row.origin.thread_id or await insist(lambda: self._left(channel, row))
        if known is not None:
            return channel.get_partial_message(known)
        nonce = f"{row.call_id}"
        return channel.get_partial_message((await insist(lambda: channel.send(self._title(row), nonce=nonce))).id)

    async def _left(self, channel: discord.PartialMessageable, row: SpawnRow) -> int | None:
        """An answer that still says "thinking" cannot be edited as a message: it is taken away."""
        async for message in channel.history(limit=100, after=discord.Object(row.call_id), oldest_first=True):
            if self._bot.user is None or message.author.id != self._bot.user.id:
                continue
            cause = message.interaction_metadata
            if message.flags.loading and cause is not None and cause.id == row.call_id:
                with unimportant():
                    await message.delete()
            elif message.content.split("\n")[0] == self._title(row):
                return message.id
        return None

    def _parent(self, interaction: discord.Interaction[Any]) -> int | None:
        """Where a thread can open: in the channel, above a thread, and for direct messages in the configured channel."""
        if interaction.guild_id is None:
            configured = self._bot.settings.DISCORD_CHANNEL_ID
            if configured is None:
                remedy = "Use /spawn in a channel, or have DISCORD_CHANNEL_ID set."
                raise SettingsError("Threads do not open in direct messages.", remedy=remedy)
            return configured
        channel = interaction.channel
        return channel.parent_id if isinstance(channel, discord.Thread) else interaction.channel_id
