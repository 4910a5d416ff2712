"""The bot: commands in, threads out."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import Any

import discord
import structlog
from discord import app_commands

from agents.config import Settings
from agents.crew import Crew
from agents.inside import Errands
from agents.tools.catalogue import TOOLS
from agents.tools.core import Tool
from agents.tools.spawn import SPAWN
from agents.tools.views import ended_at
from bot import people, systemd, unseen
from bot.ask_by_button import YesButton
from bot.asks import AllowButton, BudgetButton
from bot.calls import Calls, answered, invoked
from bot.card_buttons import CardButton
from bot.dictation import is_voice
from bot.ending import WorkspaceButton
from bot.feed import Feed
from bot.hearing import Hearing
from bot.inside import FromDiscord
from bot.means import Means
from bot.menus import run_on_message
from bot.news import News
from bot.pace import Pace
from bot.questions import AnswerButton, AnswerMenu
from bot.render.answers import failure
from bot.replies import answer_privately
from bot.slash import commands
from bot.spawns import Spawns
from bot.store import Store
from bot.suggest import Suggestions
from bot.talk_store import TalkStore
from bot.talk_turn import StopButton as StopTalkButton
from bot.talks import Talks
from bot.voice_messages import VoiceMessages
from vps.errors import HostError, VpsError
from vps.run import Run

log = structlog.get_logger()

_ASK_AGAIN_S = 3.0
_FEED_AGAIN_S = 5.0
_FEED_LONGEST_S = 300.0
_NEWS_S = 600.0
"""What ended longer before the state was first made is history: it gets no thread."""
_HISTORY_S = 86_400.0
"""A thread that there is already is completed still: the state may have been lost with the bot away."""


class Bot(discord.Client):
    """One guild's bot over one crew."""

    def __init__(self, settings: Settings, crew: Crew, store: Store, talk_store: TalkStore) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
            max_messages=None,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=30,
            guild_ready_timeout=0.5,
        )
        self.settings = settings
        self.crew = crew
        self.store = store
        self.people = people.People(settings)
        self.calls = Calls()
        self.spawns = Spawns(self)
        self.talks = Talks(self, talk_store)
        self.tree = app_commands.CommandTree(self)
        self.tree.error(self._on_command_error)
        self.showing: dict[str, Feed] = {}
        """Of every run that is not told to its end: a feed that failed too, until it begins again."""
        self._feeds: dict[str, asyncio.Task[None]] = {}
        self._announced: set[str] = set()
        """Runs that appeared or were woken since they were looked at."""
        self._pace = Pace()
        means = Means(self, crew, store, self.people, self._pace)
        self.hearing = Hearing(means)
        self.voice_messages = VoiceMessages(means, self.calls)
        self._watcher: asyncio.Task[None] | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._mending: asyncio.Task[None] | None = None

    async def setup_hook(self) -> None:
        """Register the commands and begin to show runs."""
        await self._ask_for_content()
        suggest = Suggestions(self.crew, self.people).by_parameter()
        for command in commands(TOOLS, self._handle, suggest):
            self.tree.add_command(command)
        self.tree.add_command(run_on_message())
        items = (
            CardButton,
            WorkspaceButton,
            AllowButton,
            BudgetButton,
            AnswerButton,
            AnswerMenu,
            StopTalkButton,
            YesButton,
        )
        self.add_dynamic_items(*items)
        if self.settings.DISCORD_GUILD_ID is not None:
            guild = discord.Object(self.settings.DISCORD_GUILD_ID)
            self.tree.copy_global_to(guild=guild)
            await self.tree.sync(guild=guild)
            # The guild has its own, at once; in direct messages there are only the application's.
            for command in self.tree.get_commands():
                command.allowed_contexts = app_commands.AppCommandContext(dm_channel=True)
        await self.tree.sync()
        self._watcher = asyncio.create_task(self._watch(), name="watch runs")

    async def _ask_for_content(self) -> None:
        """To ask Discord for what people type, where the application may not have that, would end the login."""
        flags = self.application.flags if self.application else discord.ApplicationFlags()
        if flags.gateway_message_content or flags.gateway_message_content_limited:
            # discord.py takes intents when it is made alone (2.7.1), and is told of the application's flags only now.
            self._connection._intents.message_content = True  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  see above
        else:
            remedy = "Turn on Message Content Intent under Bot in Discord's developer portal, then start the bot again."
            await log.awarning("what people type in threads cannot be read", remedy=remedy)

    async def close(self) -> None:
        """Stop showing; the runs go on."""
        tasks = [
            task for task in (self._watcher, self._resuming, self._mending, *self._feeds.values()) if task is not None
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.calls.stop()
        await self.voice_messages.close()
        await self.talks.close()
        await self.hearing.close()
        await super().close()

    async def on_ready(self) -> None:
        """Say so to systemd and in the log."""
        systemd.notify("READY=1", f"STATUS=Connected to Discord as {self.user}.")
        await self.hearing.look_back(self.guilds)
        self.talks.look_back()
        await log.ainfo("ready", user=str(self.user), guilds=len(self.guilds))

    async def on_connect(self) -> None:
        """A new session, which tells nothing of the time before. It comes before anything that is posted in it."""
        self.hearing.missed()

    async def on_message(self, message: discord.Message) -> None:
        """Something was posted where the bot can see it."""
        self.hearing.on_message(message)
        if is_voice(message):
            self.voice_messages.on_message(message)
        else:
            self.talks.on_message(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Something was changed where the bot can see it."""
        self.hearing.on_edit(payload.message)
        self.talks.on_edit(payload.message)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Something was removed there."""
        self._on_delete(payload.channel_id, payload.guild_id, payload.message_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Several were, at once."""
        for message_id in sorted(payload.message_ids):
            self._on_delete(payload.channel_id, payload.guild_id, message_id)

    def _on_delete(self, channel_id: int, guild_id: int | None, message_id: int) -> None:
        self.hearing.on_delete(channel_id, guild_id, message_id)
        self.talks.on_delete(message_id)

    async def _watch(self) -> None:
        """Every run on the host gets its feed once, whoever started it."""
        await self.wait_until_ready()
        self._resuming = asyncio.create_task(self.spawns.resume(), name="resume spawns")
        self._mending = asyncio.create_task(self.talks.begin(), name="begin talks")
        while True:
            name = await self.crew.relay.new_runs.get()
            self._announced.add(name)
            if name not in self._feeds or self._feeds[name].done():
                self._feeds[name] = asyncio.create_task(self._feed(name), name=f"feed {name}")

    async def _feed(self, name: str) -> None:
        """Until all of the run is shown: what ends a feed before that is logged, and it begins again where the thread stands."""
        structlog.contextvars.bind_contextvars(run=name)  # of this task, and of those it makes
        wait = _FEED_AGAIN_S
        while True:
            self._announced.discard(name)
            try:
                await self._show(name)
            except VpsError as error:
                await log.awarning("feed failed", run=name, error=str(error), again_in_s=wait)
            except Exception:  # noqa: BLE001  one run's trouble must not end the others; it is logged with its trace
                await log.aexception("feed failed", run=name, again_in_s=wait)
            else:
                self.showing.pop(name, None)
                if name not in self._announced:
                    return
                continue
            await asyncio.sleep(wait)
            wait = min(wait * 2, _FEED_LONGEST_S)

    async def _show(self, name: str) -> None:
        run = await self._described(name)
        known = await self.store.thread(name)
        if run.record is None:
            return
        if known is not None and known.ended:
            if not run.alive and known.tells_all_of(run.size):
                return
            await self.store.save_thread(replace(known, ended=0))  # it was woken
        is_news = known is not None or run.alive or ended_at(run) > self.store.made_at - _NEWS_S
        if is_news or run.now - ended_at(run) < _HISTORY_S:
            backlog = self.showing[name].backlog if name in self.showing else None
            feed = Feed(
                self.crew, self, self.store, run.record, self.hearing, is_news=is_news, backlog=backlog, pace=self._pace
            )
            feed.errands = Errands(self.crew, run.record, FromDiscord(self), run.size)
            feed.news = News(self.voice_messages.tell, run.record, run.size, self.crew.mask)
            self.showing[name] = feed
            await feed.run()

    async def _described(self, name: str) -> Run:
        """The run as the host knows it; asked again while the host cannot be reached."""
        while True:
            try:
                return await self.crew.runs.describe(name, tail=0)
            except HostError as error:
                await log.awarning("host does not answer", run=name, error=str(error))
                await asyncio.sleep(_ASK_AGAIN_S)

    async def _handle(self, interaction: discord.Interaction, tool: Tool[Any, Any], given: dict[str, Any]) -> None:
        if tool is SPAWN:
            await self.spawns.ask(interaction, given)
        elif tool.unseen:
            await unseen.ask(interaction, tool, given)
        else:
            await answered(interaction, lambda call: invoked(self.crew, tool, given, call))

    async def _on_command_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        await self.tell_error(
            interaction, error.original if isinstance(error, app_commands.CommandInvokeError) else error
        )

    async def tell_error(self, interaction: discord.Interaction, cause: Exception) -> None:
        """The one place that decides what people see: our errors as they are, others by a reference into the log."""
        if not isinstance(cause, VpsError):
            reference = secrets.token_hex(4)
            await log.aerror("command failed", reference=reference, exc_info=cause)
            cause = VpsError(f"Something went wrong here; the log has it under {reference}.")
        await answer_privately(interaction, failure(cause, self.crew.mask))
