"""Which messages are for the text agent, where it answers them, and what they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import discord

from agents.talk.prompt import asked
from bot.delivery import MessageGoneError, ThreadGoneError, insist
from bot.opening import ALREADY_HAS_THREAD
from bot.talk_store import TalkStore

if TYPE_CHECKING:
    from bot.app import Bot

_QUOTED = 4000
_TITLE = 90
_MOST_KNOWN = 10_000

Channel = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.Thread
    | discord.DMChannel
    | discord.GroupChannel
    | discord.PartialMessageable
)


class Places:
    """Those that one bot can see."""

    def __init__(self, bot: Bot, store: TalkStore) -> None:
        self._bot, self._store = bot, store
        self._agents: dict[int, bool] = {}
        """Whether a thread of ours is an agent's."""

    def is_addressed(self, message: discord.Message) -> bool:
        """Whether it was written to the bot itself."""
        return message.guild is None or self.is_mentioned(message)

    def is_mentioned(self, message: discord.Message) -> bool:
        """Whether the bot is named in its words."""
        return self._bot.user is not None and bool(re.search(rf"<@!?{self._bot.user.id}>", message.content))

    def words(self, message: discord.Message) -> str:
        """What it says, without the bot's name."""
        assert self._bot.user is not None
        return re.sub(rf"<@!?{self._bot.user.id}>[\s,:]*", "", message.content).strip()

    def asked(self, message: discord.Message) -> str:
        """What the model reads of it, with what is quoted."""
        quoted = [("somebody, forwarded", each.content[:_QUOTED]) for each in message.message_snapshots if each.content]
        answered = message.reference.resolved if message.reference else None
        mine = (
            self._bot.user is not None and isinstance(answered, discord.Message) and answered.author == self._bot.user
        )
        if isinstance(answered, discord.Message) and answered.content and not mine:
            quoted.append((answered.author.display_name[:100], answered.content[:_QUOTED]))
        return asked(self.words(message), quoted)

    async def is_ours(self, message: discord.Message, *, addressed: bool) -> bool:
        """Whether what is written there is for the text agent: not what goes to an agent, nor what people say to each other.

        Raises discord.HTTPException.
        """
        channel = message.channel
        if not isinstance(channel, discord.Thread):
            return addressed
        if await self._bot.store.thread_of(channel.id) is not None:
            return False
        if self._bot.user is None or channel.owner_id != self._bot.user.id:
            return addressed
        return not await self._is_agents(channel)

    async def _is_agents(self, thread: discord.Thread) -> bool:
        """A thread of the bot's opens on a message: a person's, or the bot's own, where it is an agent's."""
        if thread.id not in self._agents:
            if len(self._agents) > _MOST_KNOWN:
                self._agents.clear()
            known = await self._store.talk(thread.id) is not None
            self._agents[thread.id] = not known and await self._starts_with_a_bots(thread)
        return self._agents[thread.id]

    async def _starts_with_a_bots(self, thread: discord.Thread) -> bool:
        above = self._bot.get_partial_messageable(thread.parent_id, guild_id=thread.guild.id)
        try:
            return (await insist(lambda: above.fetch_message(thread.id), patient=False)).author.bot
        except (MessageGoneError, ThreadGoneError):
            return True

    async def answered_in(self, message: discord.Message) -> Channel:
        """In a thread on it, where it was written in a channel that can have threads. Raises discord.Forbidden."""
        if not isinstance(message.channel, discord.TextChannel):
            return message.channel
        title = " ".join(self.words(message).split()) or "talk"
        name = self._bot.crew.mask.text(title)[:_TITLE]
        thread = message.thread or await insist(lambda: self._opened_on(message, name), patient=False)
        self._agents[thread.id] = False
        return thread

    async def _opened_on(self, message: discord.Message, name: str) -> discord.Thread:
        """A new one, or the one that an attempt made whose answer was lost: it has the message's id."""
        try:
            return await message.create_thread(name=name)
        except discord.HTTPException as error:
            if error.code != ALREADY_HAS_THREAD:
                raise
        found = await self._bot.fetch_channel(message.id)
        assert isinstance(found, discord.Thread)
        return found
