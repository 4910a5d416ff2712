"""One run's thread in Discord: its anchor, its card, its messages, each there once whatever breaks in between.

What a message is to show is committed before it is sent, and that Discord has it afterwards. Between the two nobody knows: then
the thread's tail is read, and what is found there by its mark is not sent again.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import discord
import structlog

from bot import metrics
from bot.asks import buttons
from bot.delivery import MessageGoneError, Refused, insist
from bot.marks import Mark, marked, read
from bot.opening import Opening
from bot.render.batches import Batch
from bot.render.blocks import Attachment, Block, attachment
from bot.store import Body, MessageRow, Store, ThreadRow, digest
from vps.models import RunRecord

log = structlog.get_logger()

_ARCHIVED = 50083
_NOT_TAKEN = "⚠️ Discord did not take this message as it was; its text is in the file."
_NOR_THAT = "⚠️ Discord did not take a message here; /output has it."


class RunThread:
    """Where a run is shown."""

    def __init__(
        self, client: discord.Client, store: Store, row: ThreadRow, refused: Refused, asker: int | None = None
    ) -> None:
        self.row = row
        self._asker = asker
        """Who is pinged when a turn has ended, or the agent asks or tells something."""
        self._client = client
        self._store = store
        self._refused = refused
        self._sent: list[MessageRow] = []
        self._read = False
        """Whether the thread's tail was read: until then something may stand there that nobody here knows of."""

    @classmethod
    async def open(
        cls,
        client: discord.Client,
        store: Store,
        record: RunRecord,
        default_channel: int | None,
        refused: Refused,
        *,
        make: bool = True,
    ) -> RunThread | None:
        """The run's thread with what it shows already, opened on its anchor if need be.

        None where a run belongs to no channel, or has no thread and none is to be made.
        """
        row = await store.thread(record.name)
        if row is None:
            row = await Opening(client, record, default_channel, refused).row(make=make)
            if row is None:
                return None
            await store.save_thread(row)
        thread = cls(client, store, row, refused, asker(record))
        thread._sent = await store.messages(record.name)
        return thread

    async def catch_up(self) -> None:
        """Learn what the thread shows that was never written down here, and send what was about to be sent."""
        await insist(self._read_tail, self._refused)
        for row in [row for row in self._sent if row.message_id is None and row.kind == "part"]:
            await self._deliver(row)

    def covers(self, block: Block) -> bool:
        """Whether a message carries it already. Told by its place in the log: a newer program may cut blocks otherwise."""
        if not self._sent:
            return False
        last = self._sent[-1]
        if last.start < 0:
            return block.index <= last.last
        return (block.start, block.index) <= (last.start, last.last)

    async def show_card(self, view: discord.ui.LayoutView) -> None:
        """Send the card, or bring the one that is there up to date."""
        card_id = self.row.card_id
        if card_id is not None:
            try:
                await self._edit(lambda: self._messages.get_partial_message(card_id).edit(view=view))
            except MessageGoneError:
                await log.ainfo("card deleted", run=self.row.run)
            return
        try:
            card = await insist(lambda: self._send_card(view), self._refused)
        except discord.HTTPException as error:
            await log.aerror("card not taken", run=self.row.run, error=str(error))
            return
        self.row = replace(self.row, card_id=card)
        await self._store.save_thread(self.row)

    async def send(self, batch: Batch) -> None:
        """Send one message, for good."""
        body = Body(batch.text, batch.files, batch.asks)
        number = self._sent[-1].number + 1 if self._sent else 0
        row = MessageRow(number, batch.first, batch.last, batch.start, batch.end, body.digest, body=body)
        await self._store.save_message(self.row.run, row)
        self._sent.append(row)
        await self._deliver(row)

    def is_outdated(self, block: Block) -> bool:
        """Whether a message carries this block alone, and shows something else than it says by now."""
        row = self._carrying(block)
        return row is not None and row.digest != Body(block.text, block.files).digest

    def _carrying(self, block: Block) -> MessageRow | None:
        row = next((row for row in reversed(self._sent) if row.first == row.last == block.index), None)
        return None if row is None or row.message_id is None or row.start not in (block.start, -1) else row

    async def renew(self, block: Block) -> None:
        """Edit the message that carries this outdated block."""
        row = self._carrying(block)
        assert row is not None
        assert row.message_id is not None
        body, message_id = Body(block.text, block.files), row.message_id
        fresh = replace(row, start=block.start, end=block.end, digest=body.digest)
        text = self._marked(fresh, body.text)
        try:
            await self._edit(
                lambda: self._messages.get_partial_message(message_id).edit(
                    content=text, attachments=_files(body.files), view=buttons(self.row.run, block.asks)
                )
            )
        except (MessageGoneError, discord.HTTPException) as error:
            # Deleted by somebody, or nothing Discord takes: what is there stays, and the rest goes on.
            await log.awarning("message not edited", run=self.row.run, message=message_id, error=str(error))
        self._replace(fresh)
        await self._store.save_message(self.row.run, fresh)

    async def close(self, text: str, asks: tuple[str, ...], begun: int, size: int) -> None:
        """The message that ends a run: of the life whose lines begin at byte `begun` of a log of `size` bytes, once."""
        last = self._sent[-1] if self._sent else None
        if last is None or last.kind != "end" or last.end < begun:
            number, after = (last.number + 1, last.last + 1) if last else (0, 0)
            body = Body(text, (), asks)
            last = MessageRow(number, after, after, size, size, body.digest, body=body, kind="end")
            await self._store.save_message(self.row.run, last)
            self._sent.append(last)
        if last.message_id is None:
            await self._deliver(last)
        await self.mark_told(size)

    async def mark_told(self, size: int) -> None:
        """The thread holds the end of the run, whose log has `size` bytes."""
        self.row = replace(self.row, ended=max(1, size))
        await self._store.save_thread(self.row)

    @property
    def _messages(self) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(self.row.thread_id)

    async def _deliver(self, row: MessageRow) -> None:
        """Send a message that is committed; one of which nobody knows whether it was sent is looked for first."""
        assert row.body is not None
        body, text = row.body, self._marked(row, row.body.text)
        more: dict[str, Any] = {} if (view := buttons(self.row.run, body.asks)) is None else {"view": view}
        if "ping" in body.asks and self._asker is not None:
            more["allowed_mentions"] = discord.AllowedMentions(
                users=[discord.Object(self._asker)], roles=False, everyone=False
            )

        async def attempt() -> int:
            if not self._read:
                await self._read_tail()
                known = next((each.message_id for each in self._sent if each.number == row.number), None)
                if known is not None:
                    return known
            # From here on it may be there without anybody knowing, until the answer comes.
            self._read = False
            message = await self._messages.send(
                text, files=_files(body.files), suppress_embeds=True, nonce=self._nonce(str(row.number)), **more
            )
            metrics.MESSAGES.inc()
            return message.id

        try:
            message_id = await insist(attempt, self._refused)
        except discord.HTTPException as error:
            await log.aerror("message not taken", run=self.row.run, number=row.number, error=str(error))
            if body.text == _NOR_THAT:
                raise  # it is none of the message's fault: it is tried again later, from the store
            await self._deliver(replace(row, body=_instead_of(body)))
            return
        self._read = True
        self._replace(row.sent(message_id))
        await self._store.save_message(self.row.run, row.sent(message_id))

    async def _send_card(self, view: discord.ui.LayoutView) -> int:
        if not self._read:
            await self._read_tail()
            if self.row.card_id is not None:
                return self.row.card_id
        self._read = False
        card = await self._messages.send(view=view, nonce=self._nonce("c"))
        self._read = True
        metrics.MESSAGES.inc()
        return card.id

    async def _read_tail(self) -> None:
        """What stands behind the last message that is known: our own, by their marks; the card by the run's name on it."""
        async for message in self._tail():
            if self._client.user is None or message.author.id != self._client.user.id:
                continue
            if found := read(message.content, self.row.run):
                await self._adopt(message, *found)
            elif self.row.card_id is None and self.row.run in _words(message.components):
                self.row = replace(self.row, card_id=message.id)
                await self._store.save_thread(self.row)
        self._read = True

    def _tail(self) -> AsyncIterator[discord.Message]:
        known = [row.message_id for row in self._sent if row.message_id is not None]
        after = discord.Object(max(known, default=self.row.thread_id))
        return self._messages.history(limit=None, after=after, oldest_first=True)

    async def _adopt(self, message: discord.Message, text: str, mark: Mark) -> None:
        if mark.kind == "anchor":
            return
        shown = digest(text, [file.filename for file in message.attachments])
        row = MessageRow(mark.number, mark.first, mark.last, mark.start, mark.end, shown, message.id, None, mark.kind)
        self._replace(row)
        await self._store.save_message(self.row.run, row)

    def _replace(self, row: MessageRow) -> None:
        self._sent = sorted(
            [*(each for each in self._sent if each.number != row.number), row], key=lambda each: each.number
        )

    def _marked(self, row: MessageRow, text: str) -> str:
        return marked(
            text, self.row.run, Mark(row.kind, row.number, row.first, row.last, max(row.start, 0), max(row.end, 0))
        )

    async def _edit(self, edit: Callable[[], Awaitable[object]]) -> None:
        """A message sent to an archived thread opens it again, an edit is refused there (Discord's code 50083)."""
        try:
            await insist(edit, self._refused)
        except discord.HTTPException as error:
            if error.code != _ARCHIVED:
                raise
            await insist(self._reopen, self._refused)
            await insist(edit, self._refused)

    async def _reopen(self) -> None:
        thread = await self._client.fetch_channel(self.row.thread_id)
        if isinstance(thread, discord.Thread):
            await thread.edit(archived=False)

    def _nonce(self, of: str) -> str:
        """A retry under the same nonce does not post twice (Discord's `enforce_nonce`, a few minutes; 25 characters)."""
        return f"{self.row.thread_id % 10**18}-{of}"


def asker(record: RunRecord) -> int | None:
    """The Discord user whose work a run is."""
    return record.origin.discord_person


def _instead_of(body: Body) -> Body:
    """For a message that Discord does not take, whatever the cause: its text as a file, and if not even that, the fact."""
    if body.text == _NOT_TAKEN:
        return Body(_NOR_THAT)
    return Body(_NOT_TAKEN, (attachment("message.md", body.text),), body.asks)


def _files(attachments: tuple[Attachment, ...]) -> list[discord.File]:
    return [discord.File(io.BytesIO(file.content), file.name) for file in attachments]


def _words(components: list[Any]) -> str:
    """All text of a message's components."""
    parts = [str(getattr(each, "content", "")) + _words(list(getattr(each, "children", []))) for each in components]
    return "\n".join(parts)
