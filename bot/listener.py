"""One run's thread, listened to: what people type there goes to its agent, each message once and in order.

The host knows each message by its id (vps.host.inbox), so a message about which nobody knows whether it was passed on is passed on
again. How far the thread was read is in SQLite; without that it is read from its beginning. That the agent took a message, its
CLI says in the log. People see where a message is: see bot.receipts.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import discord
import structlog

from agents.rights import Right
from agents.tools.core import Call, NotPermitted
from agents.tools.send import SEND, message_id
from bot import people
from bot.attached import attached, fetched, told
from bot.delivery import ThreadGoneError
from bot.dictation import Dictation, is_voice
from bot.dictation import told as told_of_voice
from bot.edits import Edits, Lent, digest
from bot.means import Means
from bot.receipts import QUEUED, REFUSED, TAKEN, Receipts
from bot.render.text import plain
from bot.replying import open_question, unless_answer
from bot.store import ReplyRow, ReplyState, ThreadRow
from vps.errors import BadInput, HostError, NoSuchRun, RunEnded, VpsError

log = structlog.get_logger()
Step = Callable[[], Awaitable[None]]

_AGAIN_S, _LONGEST_S = 1.0, 60.0
_OVERLAP = 10_000 << 22
"""Ten seconds in Discord's ids, which need not become known in their order: so much is read again."""
_SAID = (discord.MessageType.default, discord.MessageType.reply)
_NO_CONTENT = (
    "Discord does not show me what you type here. Whoever runs this bot turns on *Message Content Intent* under *Bot* in Discord's "
    "developer portal and starts the bot again. Until then mention me in the message, or use `/send`."
)
_NO_WORDS = "There are no words in it that I could pass on."
_MISSED = "The agent ended before it took this. It reads this first when the next reply wakes it."
_NO_REACTIONS = "-# 📥 Passed on. With the permission *Add Reactions* I could show that at each message."


def is_said(message: discord.Message) -> bool:
    """Whether a person typed it: no bot, no webhook, nothing of Discord's own."""
    return not message.author.bot and message.webhook_id is None and message.type in _SAID


def words(message: discord.Message, bot_id: int) -> str:
    """What it says, a forwarded message in it too, without a mention of the bot in front."""
    said = "\n".join(part.content for part in (message, *message.message_snapshots) if part.content)
    return re.sub(rf"^\s*<@!?{bot_id}>[\s,:]*", "", said)


class Listener:
    """Works through what came, one thing after the other."""

    def __init__(self, means: Means, row: ThreadRow, guild_id: int | None) -> None:
        self._means = means
        self._run = row.run
        self._row = row
        self._guild_id = guild_id
        self._known: dict[int, ReplyRow] | None = None
        self._echoed: set[str] = set()
        self._may_react = True
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue()
        self._shown = Receipts(means, row, guild_id)
        where = (row.run, row.thread_id, guild_id, self._channels)
        self._dictation = Dictation(means)
        self._edits = Edits(means, Lent(*where, self._rows, self._save, self._words, self._shown.answer))
        # Before anything is known of what was taken meanwhile: an edit that came too late by that is to be told.
        self._steps.put_nowait(self._edits.catch_up)
        # Before anything that is heard: how far the thread was read is what was heard last.
        self._steps.put_nowait(self._catch_up)

    async def work(self) -> None:
        """Read the thread, then what comes, until it is to leave."""
        while (step := await self._steps.get()) is not None:
            await self._insist_on(step)

    def leave(self) -> None:
        """Once everything that came until now is dealt with."""
        self._steps.put_nowait(None)

    def heard(self, message: discord.Message) -> None:
        """It was posted in the thread."""
        self._steps.put_nowait(functools.partial(self._take, message))

    def edited(self, message: discord.Message) -> None:
        """It was changed in the thread."""
        self._steps.put_nowait(functools.partial(self._edits.edited, message))

    def deleted(self, message_id: int) -> None:
        """It was removed from the thread."""
        self._steps.put_nowait(functools.partial(self._edits.deleted, message_id))

    def kept(self, ids: Iterable[str]) -> None:
        """The CLI had taken these before they were edited."""
        for each in ids:
            self._steps.put_nowait(functools.partial(self._edits.late, each))

    def missed(self) -> None:
        """Something may have been posted, or changed, that nobody told of."""
        self._steps.put_nowait(self._edits.catch_up)
        self._steps.put_nowait(self._catch_up)

    def took(self, ids: Iterable[str]) -> None:
        """The CLI says it took these."""
        for each in set(ids) - self._echoed:
            self._echoed.add(each)
            self._steps.put_nowait(functools.partial(self._show_taken, each))

    async def finish(self, was_woken: Callable[[], Awaitable[bool]]) -> None:
        """The run has ended: once everything that came is dealt with, which may have woken it, tell of each message not taken."""
        done = asyncio.Event()

        async def end() -> None:
            queued = [row for row in (await self._rows()).values() if row.state == "queued"]
            # In a thread that is gone nobody can be told, and whoever waits here must not wait for ever.
            with contextlib.suppress(ThreadGoneError, discord.NotFound):
                for row in [] if queued and await was_woken() else queued:
                    await self._settle(row)
            done.set()

        self._steps.put_nowait(end)
        await done.wait()

    async def _insist_on(self, step: Step) -> None:
        """Until it is done: the VPS, Discord or the disk may fail for a while, and nothing typed may be lost by that."""
        wait = _AGAIN_S
        while True:
            try:
                await step()
            except (ThreadGoneError, discord.NotFound):
                return
            except (HostError, discord.DiscordException, OSError, TimeoutError) as error:
                await log.awarning("thread not listened to", run=self._run, error=str(error), again_in_s=wait)
            except Exception:  # noqa: BLE001  it must not end the listening; it is logged with its trace
                await log.aexception("thread not listened to", run=self._run, again_in_s=wait)
            else:
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_S)

    async def _rows(self) -> dict[int, ReplyRow]:
        if self._known is None:
            self._known = {row.message_id: row for row in await self._means.store.replies(self._run)}
        return self._known

    async def _save(self, message: int, state: ReplyState, about: str, *, said: str = "", author: int = 0) -> ReplyRow:
        rows = await self._rows()
        before = rows.get(message, ReplyRow(message, state, about))
        row = rows[message] = ReplyRow(message, state, about, said or before.said, author or before.author)
        await self._means.store.save_reply(self._run, row)
        return row

    async def _catch_up(self) -> None:
        for row in (await self._rows()).values():
            # The bot may have gone before it showed that; what was taken is shown so next.
            if row.state == "queued" and row.about not in self._echoed:
                await self._shown.mark(row.message_id, QUEUED)
        heard = await self._means.store.heard(self._run) or 0
        after = discord.Object(max(heard - _OVERLAP, self._row.thread_id))
        last = 0
        await self._means.pace.turn()
        async for message in self._messages.history(limit=None, after=after, oldest_first=True):
            if is_said(message):
                await self._take(message)
            last = message.id
        if last > heard:
            await self._means.store.save_heard(self._run, last)

    async def _take(self, message: discord.Message) -> None:
        if is_said(message):
            if message.id not in await self._rows():
                await self._deal_with(message)
            if is_voice(message):  # the bot may have gone between the two
                await self._dictation.done(message)
        await self._means.store.save_heard(self._run, message.id)

    async def _deal_with(self, message: discord.Message) -> None:
        rights = await self._means.people.of_author(self._means.client, message, self._channels, self._guild_id)
        caller = people.author(message, self._guild_id)
        about_right = "" if Right.RUN in rights else f"right:{message.author.id}"
        shown = {str(reaction.emoji) for reaction in message.reactions if reaction.me}  # by a bot whose state is lost
        if REFUSED in shown:
            await self._save(message.id, "refused", about_right)
            return
        if attached(message) and shown & {QUEUED, TAKEN}:
            await self._passed_on(message, caller.caller)
            return
        dictated = await self._dictated(message) if Right.RUN in rights and is_voice(message) else ""
        text = dictated or self._words(message)
        if Right.RUN in rights and not text.strip() and not attached(message):
            await self._refuse(message, *self._wordless())
            return
        try:
            call = Call(caller, rights, id=str(message.id))
            refused = await self._say(message, text, call, has_files=bool(attached(message)) and not dictated)
        except NotPermitted as error:
            await self._refuse(message, about_right, str(error))
        except (RunEnded, NoSuchRun) as error:
            await self._refuse(message, "ended", str(error))
        except HostError:
            raise
        except VpsError as error:
            if not (isinstance(error, BadInput) and error.field == "request_id"):
                await self._refuse(message, "", str(error))
                return
            # It was edited since it was passed on, by a bot whose state is lost.
            await self._save(message.id, "queued", message_id(caller.caller, str(message.id)))
            await self._edits.edited(message)
            await self._passed_on(message, caller.caller)
        else:
            await self._passed_on(message, caller.caller, refused)

    async def _dictated(self, message: discord.Message) -> str:
        """What is said in a voice message; empty where it goes on as the file that it is."""
        heard = await self._dictation.heard(message)
        if not heard.is_shown:
            shown = told_of_voice(heard, message.author.display_name)
            await self._shown.answer(message.id, "v", shown)
            await self._dictation.shown(message, heard)
        return heard.words

    async def _say(self, message: discord.Message, text: str, call: Call, *, has_files: bool) -> Sequence[str]:
        """What did not go with it, of its files."""
        crew, question = self._means.crew, None
        given: dict[str, Any] = {"container_id": self._run, "message": text}
        if Right.RUN in call.rights and has_files:
            question = await open_question(crew, self._run)
            given["files"] = await fetched(attached(message), crew.settings.attachment_bytes)
        elif Right.RUN in call.rights:
            told = await unless_answer(crew, self._run, text, call)
            if told is None:
                return ()
            given["message"] = told
        refused = (await SEND.invoke(crew, given, call)).refused
        if question is not None and text.strip():  # the CLI takes both at once
            await unless_answer(crew, self._run, text, call, question)
        return refused

    def _wordless(self) -> tuple[str, str]:
        return ("", _NO_WORDS) if self._means.client.intents.message_content else ("intent", _NO_CONTENT)

    async def _refuse(self, message: discord.Message, about: str, reason: str) -> None:
        """Say why, of the same thing once; who may not talk to agents may well talk to people here."""
        rows = (await self._rows()).values()
        told = bool(about) and any(row.state == "refused" and row.about == about for row in rows)
        if not told:
            await self._shown.answer(message.id, "r", plain(self._means.crew.mask.text(reason)))
        if not told or not about.startswith("right:"):
            await self._shown.mark(message.id, REFUSED)
        await self._save(message.id, "refused", about)

    async def _passed_on(self, message: discord.Message, caller: str, refused: Sequence[str] = ()) -> None:
        if refused:
            await self._shown.answer(message.id, "a", plain(told(refused)))
        about, said = message_id(caller, str(message.id)), digest(self._words(message))
        row = await self._save(message.id, "queued", about, said=said, author=message.author.id)
        if not await self._shown.mark(message.id, QUEUED) and self._may_react:
            self._may_react = False
            await self._shown.answer(message.id, "q", _NO_REACTIONS)
        if row.about in self._echoed:
            await self._settle(row)

    def _words(self, message: discord.Message) -> str:
        return words(message, self._bot_id)

    async def _show_taken(self, taken: str) -> None:
        on_its_way = ("queued", "missed")
        for row in [row for row in (await self._rows()).values() if row.about == taken and row.state in on_its_way]:
            await self._settle(row)

    async def _settle(self, row: ReplyRow) -> None:
        """Show that the agent took it, or did not while it lived."""
        if row.about not in self._echoed:
            await self._shown.answer(row.message_id, "m", _MISSED)
            await self._save(row.message_id, "missed", row.about)
            return
        await self._shown.mark(row.message_id, TAKEN)
        await self._shown.mark(row.message_id, QUEUED, remove=True)
        await self._save(row.message_id, "taken", row.about)

    @property
    def _messages(self) -> discord.PartialMessageable:
        return self._means.client.get_partial_messageable(self._row.thread_id, guild_id=self._guild_id)

    @property
    def _channels(self) -> frozenset[int]:
        return frozenset((self._row.thread_id, self._row.channel_id))

    @property
    def _bot_id(self) -> int:
        assert self._means.client.user is not None
        return self._means.client.user.id
