"""One run's thread, listened to: what people type there goes to its agent, each message once and in order.

The host knows each message by its id (vps.host.inbox), so a message about which nobody knows whether it was passed on is passed on
again. How far the thread was read is in SQLite; without that it is read from its beginning. That the agent took a message, its
CLI says in the log. Reactions show people where a message is.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import discord
import structlog

from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, NotPermitted
from agents.tools.send import SEND, message_id
from bot import people
from bot.delivery import MessageGoneError, ThreadGoneError, insist
from bot.pace import Pace
from bot.render.text import plain
from bot.store import ReplyRow, ReplyState, Store, ThreadRow
from vps.errors import BadInput, HostError, NoSuchRun, RunEnded, VpsError

log = structlog.get_logger()
Step = Callable[[], Awaitable[None]]

QUEUED, TAKEN, REFUSED = "📥", "✅", "❌"
_AGAIN_S, _LONGEST_S = 1.0, 60.0
_OVERLAP = 10_000 << 22
"""Ten seconds in Discord's ids, which need not become known in their order: so much is read again."""
_SAID = (discord.MessageType.default, discord.MessageType.reply)
_NO_CONTENT = (
    "Discord does not show me what you type here. Whoever runs this bot turns on *Message Content Intent* under *Bot* in Discord's "
    "developer portal and starts the bot again. Until then mention me in the message, or use `/send`."
)
_NO_WORDS = "There are no words in it that I could pass on."
_NO_FILES = "📎 Attachments do not reach agents yet"
_MISSED = "The agent ended, and there is no sign that it took this. `/spawn` starts another."
_NO_REACTIONS = "-# 📥 Passed on. With the permission *Add Reactions* I could show that at each message."


@dataclass(frozen=True, slots=True)
class Means:
    """What listening takes."""

    client: discord.Client
    crew: Crew
    store: Store
    people: people.People
    pace: Pace


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
        self._is_over = False
        self._may_react = True
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue()

    async def work(self) -> None:
        """Read the thread, then what comes, until it is to leave."""
        self.missed()
        while (step := await self._steps.get()) is not None:
            await self._insist_on(step)

    def leave(self) -> None:
        """Once everything that came until now is dealt with."""
        self._steps.put_nowait(None)

    def heard(self, message: discord.Message) -> None:
        """It was posted in the thread."""
        self._steps.put_nowait(functools.partial(self._take, message))

    def missed(self) -> None:
        """Something may have been posted that nobody told of."""
        self._steps.put_nowait(self._catch_up)

    def took(self, ids: Iterable[str]) -> None:
        """The CLI says it took these."""
        for each in set(ids) - self._echoed:
            self._echoed.add(each)
            self._steps.put_nowait(functools.partial(self._show_taken, each))

    async def finish(self) -> None:
        """The run has ended: once everything that came is dealt with, tell of each message that was not taken."""
        done = asyncio.Event()

        async def end() -> None:
            self._is_over = True
            for row in [row for row in (await self._rows()).values() if row.state == "queued"]:
                await self._settle(row)
            done.set()

        self._steps.put_nowait(end)
        await done.wait()

    async def late(self, message: discord.Message) -> None:
        """It was posted in the thread of a run that nobody listens for any more."""
        self._is_over = True
        await self._insist_on(functools.partial(self._take, message))

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

    async def _save(self, message: int, state: ReplyState, about: str) -> ReplyRow:
        row = (await self._rows())[message] = ReplyRow(message, state, about)
        await self._means.store.save_reply(self._run, row)
        return row

    async def _catch_up(self) -> None:
        for row in (await self._rows()).values():
            if row.state == "queued":  # the bot may have gone before it showed that
                await self._mark(row.message_id, QUEUED)
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
        if is_said(message) and message.id not in await self._rows():
            await self._deal_with(message)
        await self._means.store.save_heard(self._run, message.id)

    async def _deal_with(self, message: discord.Message) -> None:
        rights = await self._means.people.of_author(self._means.client, message, self._channels, self._guild_id)
        caller = people.author(message, self._guild_id)
        about_right = "" if Right.RUN in rights else f"right:{message.author.id}"
        if any(reaction.me and str(reaction.emoji) == REFUSED for reaction in message.reactions):
            await self._save(message.id, "refused", about_right)  # by a bot whose state is lost
            return
        text = words(message, self._bot_id)
        if Right.RUN in rights and not text.strip():
            await self._refuse(message, *self._wordless(message))
            return
        try:
            call = Call(caller, rights, id=str(message.id))
            await SEND.invoke(self._means.crew, {"container_id": self._run, "message": text}, call)
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
            await self._passed_on(message, caller.caller)
        else:
            await self._passed_on(message, caller.caller)

    def _wordless(self, message: discord.Message) -> tuple[str, str]:
        if not self._means.client.intents.message_content:
            return "intent", _NO_CONTENT
        return "", f"{_NO_FILES}: put it in words." if message.attachments else _NO_WORDS

    async def _refuse(self, message: discord.Message, about: str, reason: str) -> None:
        """Say why, of the same thing once; who may not talk to agents may well talk to people here."""
        rows = (await self._rows()).values()
        told = bool(about) and any(row.state == "refused" and row.about == about for row in rows)
        if not told:
            await self._answer(message.id, "r", plain(self._means.crew.mask.text(reason)))
        if not told or not about.startswith("right:"):
            await self._mark(message.id, REFUSED)
        await self._save(message.id, "refused", about)

    async def _passed_on(self, message: discord.Message, caller: str) -> None:
        row = await self._save(message.id, "queued", message_id(caller, str(message.id)))
        if message.attachments:
            await self._answer(message.id, "a", f"-# {_NO_FILES}; the words do.")
        if not await self._mark(message.id, QUEUED) and self._may_react:
            self._may_react = False
            await self._answer(message.id, "q", _NO_REACTIONS)
        if row.about in self._echoed or self._is_over:
            await self._settle(row)

    async def _show_taken(self, taken: str) -> None:
        for row in [row for row in (await self._rows()).values() if row.about == taken and row.state == "queued"]:
            await self._settle(row)

    async def _settle(self, row: ReplyRow) -> None:
        """Show that the agent took it or never will."""
        taken = row.about in self._echoed
        if not taken:
            await self._answer(row.message_id, "m", _MISSED)
        await self._mark(row.message_id, TAKEN if taken else REFUSED)
        await self._mark(row.message_id, QUEUED, remove=True)
        await self._save(row.message_id, "taken" if taken else "missed", row.about)

    async def _mark(self, message: int, emoji: str, *, remove: bool = False) -> bool:
        """Whether it could be shown."""
        shown = self._messages.get_partial_message(message)
        me = discord.Object(self._bot_id)
        return await self._called(
            lambda: shown.remove_reaction(emoji, me) if remove else shown.add_reaction(emoji), message
        )

    async def _answer(self, message: int, kind: str, text: str) -> None:
        """A reply to it, without a ping. A retry under the same nonce does not post twice."""
        answered = discord.MessageReference(
            message_id=message, channel_id=self._row.thread_id, fail_if_not_exists=False
        )
        nonce = f"{message}-{kind}"
        await self._called(
            lambda: self._messages.send(text, reference=answered, mention_author=False, nonce=nonce), message
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
        return self._means.client.get_partial_messageable(self._row.thread_id, guild_id=self._guild_id)

    @property
    def _channels(self) -> frozenset[int]:
        return frozenset((self._row.thread_id, self._row.channel_id))

    @property
    def _bot_id(self) -> int:
        assert self._means.client.user is not None
        return self._means.client.user.id
