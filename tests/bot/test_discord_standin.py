"""The stand-in for Discord, checked with clients that are not ours: discord.py, and hikari where it is installed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

import discord
import pytest
from discord import app_commands, ui

from tests.discord_standin import CannotBeTypedError, Channel, StandIn, User
from tests.discord_standin.clients import redirected

LIMIT = 10.0
"""Seconds that any wait of these tests may take."""

needs_document = pytest.mark.skipif(
    "DISCORD_OPENAPI" not in os.environ, reason="DISCORD_OPENAPI names no copy of Discord's OpenAPI document"
)


class Card(ui.LayoutView):
    """A status card with a button."""

    def __init__(self, text: str) -> None:
        super().__init__(timeout=None)
        button: ui.Button[Card] = ui.Button(label="Stop", custom_id="stop:1", style=discord.ButtonStyle.danger)
        button.callback = self.stop_run
        section: ui.Section[Card] = ui.Section(ui.TextDisplay(text), accessory=button)
        self.add_item(ui.Container(section, ui.Separator(), ui.TextDisplay("details"), accent_colour=0x5865F2))

    async def stop_run(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(view=Card("stopped"))


class Question(ui.Modal, title="A question"):
    answer: ui.Label[Question] = ui.Label(text="Answer", component=ui.TextInput(custom_id="answer"))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        assert isinstance(self.answer.component, ui.TextInput)
        await interaction.response.send_message(f"heard {self.answer.component.value}", ephemeral=True)


class Bot(discord.Client):
    """A bot that uses what a slash-command bot uses."""

    def __init__(self, guild_id: int) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, message_content=True)
        super().__init__(intents=intents, guild_ready_timeout=0.05, heartbeat_timeout=1.0)
        self.tree = app_commands.CommandTree(self)
        self.guild = discord.Object(guild_id)
        self.heard: list[str] = []
        self.resumed = 0
        self.readied = 0
        _add_commands(self.tree)

    async def setup_hook(self) -> None:
        self.tree.copy_global_to(guild=self.guild)
        await self.tree.sync(guild=self.guild)
        await self.tree.sync()

    async def on_ready(self) -> None:
        self.readied += 1

    async def on_resumed(self) -> None:
        self.resumed += 1

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message.content)
        if message.content.startswith("save"):
            data = await message.attachments[0].read()
            await message.reply(f"{len(data)} bytes", mention_author=False)


def _add_commands(tree: app_commands.CommandTree[Bot]) -> None:
    async def offered(_: discord.Interaction[Bot], typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=n, value=n) for n in ("alpha", "beta") if n.startswith(typed)]

    @tree.command(description="Starts a run")
    async def spawn(interaction: discord.Interaction[Bot], task: str, turns: int = 1) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(view=Card(f"{task} x{turns}"))
        anchor = await interaction.original_response()
        assert isinstance(interaction.channel, discord.TextChannel)
        thread = await interaction.channel.create_thread(name=task, message=discord.Object(anchor.id))
        await thread.send("started", nonce="1")
        file = discord.File(io.BytesIO(b"log line\n"), "log.txt")
        await thread.send("the log", file=file, allowed_mentions=discord.AllowedMentions.none())

    @tree.command(description="Reads a run")
    @app_commands.autocomplete(name=offered)
    async def output(interaction: discord.Interaction[Bot], name: str) -> None:
        await interaction.response.send_message(f"output of {name}", ephemeral=True)
        await interaction.followup.send("more", ephemeral=True)

    @tree.command(description="Asks")
    async def ask(interaction: discord.Interaction[Bot]) -> None:
        await interaction.response.send_modal(Question())

    @tree.command(description="Never answers")
    async def silent(_: discord.Interaction[Bot]) -> None:
        return

    group = app_commands.Group(name="workspace", description="Workspaces")

    @group.command(name="clone", description="Clones")
    async def clone(interaction: discord.Interaction[Bot], repo_url: str) -> None:
        await interaction.response.send_message(repo_url)

    @tree.context_menu(name="Run on this")
    async def run_on(interaction: discord.Interaction[Bot], message: discord.Message) -> None:
        await interaction.response.send_message(f"on {message.content}")

    del spawn, output, ask, silent, clone, run_on
    tree.add_command(group)


class Stage:
    """A stand-in with a channel, a user, and a connected bot."""

    def __init__(self, standin: StandIn, bot: Bot, channel: Channel, user: User) -> None:
        self.discord, self.bot, self.channel, self.user = standin, bot, channel, user


@contextlib.asynccontextmanager
async def connected(standin: StandIn) -> AsyncGenerator[Bot]:
    """A real client, from login to close."""
    bot = Bot(standin.world.guild_id)
    with redirected(standin):
        async with asyncio.timeout(60), bot:
            running = asyncio.create_task(bot.start(standin.token))
            await bot_is(bot.wait_until_ready, running)
            yield bot
            await bot.close()
            await asyncio.wait_for(running, LIMIT)


async def bot_is(awaited: Callable[[], Awaitable[object]], running: asyncio.Task[None]) -> None:
    """Waits for the client, or for its failure."""

    async def waiting() -> None:
        await awaited()

    ready = asyncio.create_task(waiting())
    done, _ = await asyncio.wait({ready, running}, timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
    if running in done:
        ready.cancel()
        running.result()
    assert ready in done


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn() as running:
        yield running
        assert running.own_violations == []


@pytest.fixture
async def stage(standin: StandIn) -> AsyncIterator[Stage]:
    channel, user = standin.world.add_channel("agents"), standin.world.add_member("ada")
    async with connected(standin) as bot:
        await standin.connected()
        yield Stage(standin, bot, channel, user)


async def test_a_client_logs_in_and_syncs_its_commands(stage: Stage) -> None:
    guild = stage.bot.get_guild(stage.discord.world.guild_id)
    assert guild is not None
    assert [channel.name for channel in guild.text_channels] == ["agents"]
    synced = stage.discord.world.commands[guild.id]
    assert {command["name"] for command in synced} == {"spawn", "output", "ask", "silent", "workspace", "Run on this"}
    assert stage.discord.violations == []


async def test_a_slash_command_defers_and_opens_a_thread_on_its_answer(stage: Stage) -> None:
    interaction = await stage.discord.slash(stage.user, stage.channel, "spawn", task="fix add()", turns=3)
    await interaction.answered()
    assert interaction.deferred
    assert interaction.seconds_to_answer is not None
    assert interaction.seconds_to_answer < 1
    card = await interaction.reply()
    thread = await stage.discord.thread_in(stage.channel)
    log = await stage.discord.message_in(thread, "the log")
    assert "fix add() x3" in card.text
    assert thread.id == card.id
    assert [message.text for message in stage.discord.messages(thread)] == ["started", "the log"]
    assert log.attachments[0].data == b"log line\n"
    assert stage.discord.violations == []


async def test_a_button_of_a_layout_edits_its_message(stage: Stage) -> None:
    card = await (await stage.discord.slash(stage.user, stage.channel, "spawn", task="x")).reply()
    stop = card.button("Stop").custom_id
    assert stop is not None
    click = await stage.discord.click(stage.user, card, stop)
    await click.shows("stopped")
    assert card.edits == 1
    assert stage.discord.violations == []


async def test_autocomplete_offers_choices(stage: Stage) -> None:
    assert await stage.discord.autocomplete(stage.user, stage.channel, "output", "name", "al") == [("alpha", "alpha")]
    assert stage.discord.violations == []


async def test_an_ephemeral_answer_is_in_no_channel(stage: Stage) -> None:
    interaction = await stage.discord.slash(stage.user, stage.channel, "output", name="alpha")
    await interaction.shows("more")
    assert interaction.ephemeral
    assert stage.discord.messages(stage.channel) == []


async def test_a_modal_is_submitted(stage: Stage) -> None:
    interaction = await (await stage.discord.slash(stage.user, stage.channel, "ask")).answered()
    submitted = await stage.discord.submit(stage.user, interaction, answer="forty-two")
    await submitted.shows("heard forty-two")
    assert stage.discord.violations == []


async def test_subcommands_and_message_commands_reach_the_client(stage: Stage) -> None:
    clone = await stage.discord.slash(stage.user, stage.channel, "workspace clone", repo_url="https://example.org/r")
    await clone.shows("https://example.org/r")
    message = await stage.discord.say(stage.user, stage.channel, "this one")
    await (await stage.discord.use_on(stage.user, message, "Run on this")).shows("on this one")


async def test_what_a_user_says_reaches_the_client_with_its_files(stage: Stage) -> None:
    await stage.discord.say(stage.user, stage.channel, "save this", files={"a.bin": b"12345"})
    reply = await stage.discord.message_in(stage.channel, "5 bytes")
    assert stage.user.id not in reply.pings
    assert stage.discord.violations == []


async def test_a_command_that_the_client_would_refuse_is_refused(stage: Stage) -> None:
    with pytest.raises(CannotBeTypedError, match="required options are missing"):
        await stage.discord.slash(stage.user, stage.channel, "spawn")
    with pytest.raises(CannotBeTypedError, match="no command 'unknown'"):
        await stage.discord.slash(stage.user, stage.channel, "unknown")
    with pytest.raises(CannotBeTypedError, match="wrong type"):
        await stage.discord.slash(stage.user, stage.channel, "spawn", task="x", turns="many")


async def test_an_unanswered_interaction_times_out(stage: Stage) -> None:
    interaction = await stage.discord.slash(stage.user, stage.channel, "silent")
    with pytest.raises(TimeoutError, match="was not answered"):
        await interaction.answered(0.1)
