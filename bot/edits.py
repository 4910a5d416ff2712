"""What becomes of a message that a person edits or deletes in a run's thread after it was passed on: the agent reads it as it is
then, or not at all, unless it has read it already.

Whoever may delete a message there may take it back. What was done while nobody was here to hear of it is found by looking at the
messages that are still on their way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import discord
import structlog

from agents.rights import Right
from agents.tools.core import Call
from agents.tools.edit import EDIT
from bot import people
from bot.means import Means
from bot.render.text import plain
from bot.store import ReplyRow, ReplyState
from vps.errors import BadInput, HostError, VpsError
from vps.models import Origin

log = structlog.get_logger()

_MOST = 20
"""Messages on their way that are looked at."""
_UNKNOWN_MESSAGE = 10008
_TOO_LATE = "-# The agent has read this already, as it was before. Write it again."
_WORDLESS = "-# There are no words left in it: the agent reads it as it was. Delete it to take it back."


class Save(Protocol):
    """Writes a row down."""

    async def __call__(self, message: int, state: ReplyState, about: str, *, said: str = ...) -> ReplyRow:
        """With a digest of its words, or that of before."""
        ...


@dataclass(frozen=True, slots=True)
class Lent:
    """What a thread's listener lends: what it knows of its messages, how it reads one, and answers one (a kind, and words)."""

    run: str
    thread_id: int
    guild_id: int | None
    channels: frozenset[int]
    rows: Callable[[], Awaitable[dict[int, ReplyRow]]]
    save: Save
    words: Callable[[discord.Message], str]
    answer: Callable[[int, str, str], Awaitable[None]]


def digest(text: str) -> str:
    """Tells words from others."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Edits:
    """Of one thread."""

    def __init__(self, means: Means, lent: Lent) -> None:
        self._means, self._lent = means, lent

    async def edited(self, message: discord.Message) -> None:
        """It may be: of a link that it looked into Discord tells in the same way."""
        row, text = (await self._lent.rows()).get(message.id), self._lent.words(message)
        if row is None or not _differs(row, message, text):
            return
        if row.state == "taken":
            await self._tell_late(row)
        elif row.state in ("queued", "missed"):
            await self._change(row, message, text)

    async def deleted(self, message_id: int) -> None:
        """It is gone."""
        row = (await self._lent.rows()).get(message_id)
        if row is None or row.state not in ("queued", "missed"):
            return
        caller, thread = f"discord:{row.author}", self._lent.thread_id
        origin = Origin(caller=caller, surface="discord", guild_id=self._lent.guild_id, channel_id=thread)
        try:
            await self._order(row, None, Call(origin, frozenset({Right.RUN}), id=f"{message_id}-deleted"))
        except HostError:
            raise
        except VpsError as error:
            await log.ainfo("not taken back", run=self._lent.run, message=message_id, error=str(error))
        await self._lent.save(message_id, "withdrawn", row.about)

    async def late(self, about: str) -> None:
        """The CLI had taken this message before it was edited."""
        for row in [row for row in (await self._lent.rows()).values() if row.about == about and row.state == "taken"]:
            await self._tell_late(row)

    async def catch_up(self) -> None:
        """Look at those that are on their way."""
        rows = [row for row in (await self._lent.rows()).values() if row.state in ("queued", "missed")]
        thread = self._means.client.get_partial_messageable(self._lent.thread_id, guild_id=self._lent.guild_id)
        for row in rows[-_MOST:]:
            await self._means.pace.turn()
            try:
                message = await thread.fetch_message(row.message_id)
            except discord.Forbidden:
                return
            except discord.NotFound as error:
                if error.code != _UNKNOWN_MESSAGE:
                    raise
                await self.deleted(row.message_id)
            else:
                await self.edited(message)

    async def _change(self, row: ReplyRow, message: discord.Message, text: str) -> None:
        client = self._means.client
        if text.strip():
            rights = await self._means.people.of_author(client, message, self._lent.channels, self._lent.guild_id)
            author = people.author(message, self._lent.guild_id)
            await self._pass_on(row, text, Call(author, rights, id=_edit(message, text)))
        elif client.intents.message_content:  # else it is not shown to us
            await self._lent.answer(row.message_id, "w", _WORDLESS)
        await self._lent.save(row.message_id, row.state, row.about, said=digest(text))

    async def _pass_on(self, row: ReplyRow, text: str, call: Call) -> None:
        try:
            await self._order(row, text, call)
        except HostError:
            raise
        except VpsError as error:
            # An agent that has ended had read it, or it was no message, but the answer to a question.
            is_late = isinstance(error, BadInput) and error.field == "message_id"
            why = _TOO_LATE if is_late else plain(self._means.crew.mask.text(str(error)))
            await self._lent.answer(row.message_id, "l" if is_late else "e", why)

    async def _order(self, row: ReplyRow, text: str | None, call: Call) -> None:
        given = {"container_id": self._lent.run, "message_id": row.about, "message": text}
        await EDIT.invoke(self._means.crew, given, call)

    async def _tell_late(self, row: ReplyRow) -> None:
        await self._lent.answer(row.message_id, "l", _TOO_LATE)
        await self._lent.save(row.message_id, "told", row.about)


def _differs(row: ReplyRow, message: discord.Message, text: str) -> bool:
    return message.edited_at is not None and digest(text) != row.said


def _edit(message: discord.Message, text: str) -> str:
    """The same for the same edit, whoever tells of it."""
    assert message.edited_at is not None
    return f"{message.id}-{message.edited_at.isoformat()}-{digest(text)}"
