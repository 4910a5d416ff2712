"""Where the text agent listens: direct messages, threads that open on a mention, and mentions in other threads. Each place has a
conversation of its own, and one turn at a time; what is written meanwhile is the next turn.

In an agent's thread it does not: what is written there goes to the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
import structlog

from agents import audit
from agents.config import SettingsError
from agents.rights import Right
from agents.talk.client import require_key
from agents.talk.prompt import attached
from agents.tools.core import Call, NotPermitted
from bot import people
from bot.delivery import insist
from bot.dictation import is_voice
from bot.inside import FromDiscord
from bot.listener import is_said
from bot.render.answers import failure
from bot.replies import unimportant
from bot.talk_files import Files
from bot.talk_line import Line, Said
from bot.talk_missed import is_channel, missed
from bot.talk_places import Channel, Places
from bot.talk_store import TalkRow, TalkStore
from bot.talk_turn import Answer
from vps import talks
from vps.errors import VpsError

if TYPE_CHECKING:
    from bot.app import Bot

log = structlog.get_logger()

CUT_OFF = "⏸️ The bot was restarted in the middle; ask again. What was under way may have been done."
ANEW = "Forgotten. We begin anew."
_NO_CONTENT = (
    "Discord does not show me what you write here. Mention me in the message, or have whoever runs this bot turn on "
    "*Message Content Intent* under *Bot* in Discord's developer portal and start it again."
)
_TOO_LATE = "-# I have read this already, as it was before. Write it again."
_NO_WORDS = "What shall I do? Write it behind the mention."
_AGAIN_S = 3.0
_CLOSING_S = 5.0
_MOST_SEEN = 10_000


class Talks:
    """Those of one bot."""

    def __init__(self, bot: Bot, store: TalkStore) -> None:
        self._bot, self._store = bot, store
        self.answers: dict[int, Answer] = {}
        """The one under way, by its channel."""
        self._line = Line()
        self._tasks = set[asyncio.Task[None]]()
        self._places = Places(bot, store)
        self._told = set[tuple[int, int, str]]()
        self._seen = dict[int, None]()
        """The last messages that were heard, by id: one may come once more by looking back."""
        self._ready = asyncio.Event()

    def on_message(self, message: discord.Message) -> None:
        """Something was posted where the bot can see it."""
        is_direct, thread = message.guild is None, isinstance(message.channel, discord.Thread)
        if is_said(message) and (is_direct or thread or self._places.is_mentioned(message)):
            self._start(self._hear(message), f"hear {message.id}")

    def on_edit(self, message: discord.Message) -> None:
        """Something was changed somewhere, or shown otherwise: what was not read yet is read as it is now."""
        if self._line.edited(message):
            self._start(self._tell(message, _TOO_LATE), f"late {message.id}")

    def on_delete(self, message_id: int) -> None:
        """Something was removed somewhere: what was not read yet is not answered."""
        self._line.deleted(message_id)

    def look_back(self) -> None:
        """A new session with Discord: what was written since the last one is told by nobody."""
        self._start(self._look_back(), "look back")

    async def _look_back(self) -> None:
        await self._ready.wait()
        async for message in missed(self._bot, self._store):
            if not is_voice(message):  # asked of the voice agent, as it came
                self.on_message(message)

    def waits_in(self, channel_id: int) -> int:
        """How many messages there are not answered yet."""
        return self._line.length(channel_id)

    async def begin(self) -> None:
        """End what a bot before this one left: its conversations at the gateway, and answers that will not go on."""
        left = await self._store.under_way()
        while not self._ready.is_set():
            try:
                await talks.clear(self._bot.crew.relay)
            except VpsError as error:
                await log.awarning("conversations not ended on the host", error=str(error), again_in_s=_AGAIN_S)
                await asyncio.sleep(_AGAIN_S)
            else:
                await self._listen_in(self._bot.settings.DISCORD_CHANNEL_ID)
                for channel_id, message_id in left.items():
                    await self._cut_off(channel_id, message_id)
                self._ready.set()

    async def _listen_in(self, channel_id: int | None) -> None:
        """From now on, whether the bot is here or not."""
        if channel_id is not None and channel_id not in await self._store.heard(since=0):
            await self._store.hear(channel_id, discord.utils.time_snowflake(discord.utils.utcnow()))

    async def _cut_off(self, channel_id: int, message_id: int) -> None:
        message = self._bot.get_partial_messageable(channel_id).get_partial_message(message_id)
        with unimportant():
            before = (await message.fetch()).content
            await message.edit(content=f"{before[:1800]}\n{CUT_OFF}", view=None)
        await self._store.end(channel_id)

    async def close(self) -> None:
        """Stop; each answer tells that it was."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSING_S)
        rest = list(self._tasks)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _start(self, work: Any, name: str) -> None:
        task = asyncio.create_task(self._guarded(work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except (VpsError, discord.DiscordException) as error:
            await log.awarning("not answered", error=str(error))
        except Exception:  # noqa: BLE001  one message's trouble must not end the bot; it is logged with its trace
            await log.aexception("not answered")

    # -- who is heard --------------------------------------------------------------------------------------------

    async def _hear(self, message: discord.Message) -> None:
        if message.id in self._seen:
            return
        self._note(message.id)
        with self._line.coming(message):
            await self._let_in(message)

    async def _let_in(self, message: discord.Message) -> None:
        addressed = self._places.is_addressed(message)
        if not await self._places.is_ours(message, addressed=addressed):
            return
        rights = await self._bot.people.of_writer(self._bot, message)
        if not await self._may_talk(message, rights, addressed=addressed):
            await self._heard_in(message)
            return
        channel = await self._answered_in(message)
        if self._line.join(channel.id, message.id, rights):
            await self._work(channel)

    async def _may_talk(self, message: discord.Message, rights: frozenset[Right], *, addressed: bool) -> bool:
        """Else its author is told why not."""
        if Right.RUN not in rights:
            if addressed:
                await self._refuse(message)
            return False
        try:
            require_key(self._bot.settings)
        except SettingsError as error:
            await self._tell(message, failure(error, self._bot.crew.mask))
            return False
        if self._places.words(message) or message.attachments or message.message_snapshots:
            return True
        shown = addressed or self._bot.intents.message_content
        await self._tell_once(message, "words" if shown else "content", _NO_WORDS if shown else _NO_CONTENT)
        return False

    async def _refuse(self, message: discord.Message) -> None:
        crew, error = self._bot.crew, _not_permitted()
        await self._tell_once(message, "rights", failure(error, crew.mask))
        origin = people.model_for(message, message.channel.id, "talk", self._bot.settings)
        refused = f"{type(error).__name__}: {error}"
        line = audit.entry(origin, "talk", {}, refused, at=time.time(), ms=0, mask=crew.mask)
        await audit.note(crew.relay, line)

    async def _heard_in(self, message: discord.Message) -> None:
        """A channel remembers what it was heard to, as a conversation does."""
        if is_channel(message.channel):
            await self._store.hear(message.channel.id, message.id)

    def _note(self, message_id: int) -> None:
        self._seen[message_id] = None
        if len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]

    async def _answered_in(self, message: discord.Message) -> Channel:
        try:
            return await self._places.answered_in(message)
        except discord.Forbidden:
            await self._tell(message, "❌ I may not open a thread here. Give me the right to *Create Public Threads*.")
            raise

    async def _tell_once(self, message: discord.Message, about: str, text: str) -> None:
        key = (message.channel.id, message.author.id, about)
        if key not in self._told:
            self._told.add(key)
            await self._tell(message, text)

    async def _tell(self, message: discord.Message, text: str) -> None:
        with contextlib.suppress(discord.Forbidden):
            await insist(lambda: message.reply(text, mention_author=False, nonce=f"{message.id}-n"), patient=False)

    # -- what is answered ----------------------------------------------------------------------------------------

    async def _work(self, channel: Channel) -> None:
        """Answer all that waits there, a person's messages together."""
        await self._ready.wait()
        with contextlib.closing(self._line.batches(channel.id)) as batches:
            for batch in batches:
                await self._guarded(self._answered(channel, batch))

    async def _answered(self, channel: Channel, batch: list[Said]) -> None:
        message = batch[-1].message
        if len(batch) == 1 and self._places.words(message).lower() == "new":
            await self._store.forget(channel.id)
            await self._tell(message, ANEW)
            return
        known = await self._store.talk(channel.id) or TalkRow(channel.id, talks.new_name(), batch[0].message.id - 1)
        row = replace(known, heard=message.id)
        origin = people.model_for(message, channel.id, "talk", self._bot.settings)
        call = Call(origin, batch[-1].rights, announce=FromDiscord(self._bot).announce)
        files = Files([each.message for each in batch], self._bot.settings.attachment_bytes)
        answer = self.answers[channel.id] = Answer(self._bot, self._store, row, call, message.author.id, files)
        said = [self._places.asked(each.message) for each in batch]
        text = "\n\n".join(filter(None, [*said, attached(files.names)]))
        try:
            await self._begun(answer, channel, known, batch)
            await self._heard(row, batch)
            own = "\n".join(self._places.words(each.message) for each in batch)
            await answer.give(channel, self._bot.crew.mask.text(text), own)
        except discord.Forbidden as error:
            with unimportant():
                await message.author.send(f"❌ I cannot answer in <#{channel.id}>: {error.text}. Give me the right to.")
        finally:
            del self.answers[channel.id]

    async def _begun(self, answer: Answer, channel: Channel, known: TalkRow, batch: list[Said]) -> None:
        """What has no answer begun is not heard yet: a bot that comes after this one finds it behind what was."""
        first, last = batch[0].message, batch[-1].message
        if is_channel(first.channel):
            await self._store.hear(first.channel.id, first.id - 1)
        else:
            await self._store.save(known)
        try:
            await answer.begin(channel, last)
        except (VpsError, discord.DiscordException):
            await self._heard(replace(known, heard=last.id), batch)  # there will be none
            raise

    async def _heard(self, row: TalkRow, batch: list[Said]) -> None:
        await self._store.save(row)
        for each in batch:
            await self._heard_in(each.message)

    async def is_talk(self, message: discord.Message) -> bool:
        """Whether it was said in a thread that the text agent opened. Raises discord.HTTPException."""
        return await self._places.is_ours(message, addressed=False)


def _not_permitted() -> NotPermitted:
    remedy = (
        "Ask whoever runs this bot to allow you (DISCORD_RIGHTS, DISCORD_ALLOWED_USER_IDS, DISCORD_ALLOWED_ROLE_IDS)."
    )
    return NotPermitted(f"You may not talk to me: it takes the right to {Right.RUN}.", remedy=remedy)
