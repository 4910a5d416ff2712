"""One run's thread in Discord: its anchor, its card, its messages. Every call is safe to repeat."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
import discord
import structlog

from bot.render.blocks import Attachment, Block
from bot.store import BlockRow, Store, ThreadRow, digest
from vps.errors import VpsError
from vps.models import RunRecord

log = structlog.get_logger()
T = TypeVar("T")

_NAME_LIMIT = 100
_ALREADY_HAS_THREAD = 160004
_ARCHIVED = 50083
_ATTEMPTS = 8
_LONGEST_WAIT_S = 30.0


class ThreadGoneError(VpsError):
    """The thread or its channel was deleted, or the bot may not write there."""


class RunThread:
    """Where a run is shown."""

    def __init__(self, client: discord.Client, store: Store, row: ThreadRow) -> None:
        self._client = client
        self._store = store
        self.row = row
        self._sent: dict[int, BlockRow] = {}

    @classmethod
    async def open(
        cls, client: discord.Client, store: Store, record: RunRecord, default_channel: int | None
    ) -> RunThread | None:
        """The run's thread, opened on its anchor if need be; None where a run belongs to no channel."""
        row = await store.thread(record.name)
        if row is None:
            row = await _open_row(client, record, default_channel)
            if row is None:
                return None
            await store.save_thread(row)
        thread = cls(client, store, row)
        thread._sent = await store.blocks(record.name)
        return thread

    @property
    def _messages(self) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(self.row.thread_id)

    async def show_card(self, view: discord.ui.LayoutView) -> None:
        """Send the card, or bring the one that is there up to date."""
        if self.row.card_id is None:
            # No nonce of a message repeats within a thread: a card is -1, blocks count from 0.
            card = await _insist(lambda: self._messages.send(view=view, nonce=self._nonce(-1)))
            self.row = ThreadRow(self.row.run, self.row.channel_id, self.row.thread_id, card.id, self.row.ended)
            await self._store.save_thread(self.row)
        else:
            card_id = self.row.card_id
            await self._edit(lambda: self._messages.get_partial_message(card_id).edit(view=view))

    async def show(self, block: Block) -> bool:
        """Send a block's message, or edit it if it shows something else by now; whether there was something to do."""
        seen = self._sent.get(block.index)
        mark = digest(block.text + "".join(file.name for file in block.files))
        if seen is not None and seen.digest == mark:
            return False
        if seen is None:
            message_id = await self._send(block.text, block.files, block.index)
        else:
            message_id = seen.message_id
            await self._edit(
                lambda: self._messages.get_partial_message(message_id).edit(
                    content=block.text, attachments=_files(block.files)
                )
            )
        self._sent[block.index] = BlockRow(message_id, mark)
        await self._store.save_block(self.row.run, block.index, self._sent[block.index])
        return True

    async def close(
        self, text: str, number: int, ping: discord.abc.Snowflake | None, view: discord.ui.View | None = None
    ) -> None:
        """The last message, with a ping for the one who asked; then the run counts as told."""
        if self.row.ended:
            return
        mentions = discord.AllowedMentions(users=[ping] if ping else False, roles=False, everyone=False)
        more: dict[str, Any] = {} if view is None else {"view": view}
        await _insist(lambda: self._messages.send(text, nonce=self._nonce(number), allowed_mentions=mentions, **more))
        self.row = ThreadRow(self.row.run, self.row.channel_id, self.row.thread_id, self.row.card_id, ended=True)
        await self._store.save_thread(self.row)

    async def _edit(self, edit: Callable[[], Awaitable[object]]) -> None:
        """A message sent to an archived thread opens it again, an edit is refused there (Discord's code 50083)."""
        try:
            await _insist(edit)
        except discord.HTTPException as error:
            if error.code != _ARCHIVED:
                raise
            await _insist(self._reopen)
            await _insist(edit)

    async def _reopen(self) -> None:
        thread = await self._client.fetch_channel(self.row.thread_id)
        if isinstance(thread, discord.Thread):
            await thread.edit(archived=False)

    async def _send(self, text: str, files: tuple[Attachment, ...], number: int) -> int:
        message = await _insist(lambda: self._messages.send(text, files=_files(files), nonce=self._nonce(number)))
        return message.id

    def _nonce(self, number: int) -> str:
        """A retry under the same nonce does not post twice (Discord's `enforce_nonce`, a few minutes; 25 characters)."""
        return f"{self.row.thread_id % 10**18}{'c' if number < 0 else 'b'}{abs(number)}"


def _files(attachments: tuple[Attachment, ...]) -> list[discord.File]:
    return [discord.File(io.BytesIO(file.content), file.name) for file in attachments]


async def _open_row(client: discord.Client, record: RunRecord, default_channel: int | None) -> ThreadRow | None:
    origin = record.origin
    channel_id = origin.channel_id or default_channel
    if channel_id is None:
        return None
    guild_id = origin.guild_id or await _guild_of(client, channel_id)
    channel = client.get_partial_messageable(channel_id, guild_id=guild_id)
    name = _thread_name(record)
    anchor_id = origin.thread_id
    if anchor_id is None:
        text = f"🚀 {name}\n-# started by {origin.caller_name or origin.caller or 'hand'}"
        anchor = await _insist(lambda: channel.send(text[:2000], nonce=record.name[-20:]))
        anchor_id = anchor.id
    await _insist(lambda: _create_thread(channel.get_partial_message(anchor_id), name))
    return ThreadRow(record.name, channel_id, anchor_id, None, ended=False)


async def _guild_of(client: discord.Client, channel_id: int) -> int | None:
    channel = client.get_channel(channel_id) or await _insist(lambda: client.fetch_channel(channel_id))
    guild = getattr(channel, "guild", None)
    return guild.id if guild else None


async def _create_thread(anchor: discord.PartialMessage, name: str) -> None:
    try:
        await anchor.create_thread(name=name)
    except discord.HTTPException as error:
        if error.code != _ALREADY_HAS_THREAD:
            raise


def _thread_name(record: RunRecord) -> str:
    words = " ".join(record.task.split()) or record.name
    return words if len(words) <= _NAME_LIMIT else words[: _NAME_LIMIT - 1] + "…"


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call that Discord or the network failed. Raises ThreadGoneError when repeating cannot help.

    discord.py retries 429 and some 5xx itself, but neither a reset nor a refused connection (measured).
    """
    wait = 0.5
    for attempt in range(_ATTEMPTS):
        try:
            return await call()
        except (discord.NotFound, discord.Forbidden) as error:
            remedy = "Check that the thread exists and the bot may write there."
            raise ThreadGoneError(f"Discord refused: {error.text}.", remedy=remedy) from error
        except (discord.DiscordServerError, discord.RateLimited, aiohttp.ClientError, OSError, TimeoutError) as error:
            if attempt == _ATTEMPTS - 1:
                raise
            await log.awarning("discord failed", error=str(error), again_in_s=wait)
            await asyncio.sleep(max(wait, error.retry_after) if isinstance(error, discord.RateLimited) else wait)
            wait = min(wait * 2, _LONGEST_WAIT_S)
    raise AssertionError
