"""A bot on the real discord.py that uses what a slash-command bot uses: the client the stand-in is checked with."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Self

import discord
from discord import app_commands, ui

from . import Channel, StandIn, User
from .changes import PATIENCE_S, Changes
from .clients import redirected


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


class Retry(ui.DynamicItem[ui.Button[ui.View]], template=r"retry:(?P<run>\d+)"):
    """A button that works after a restart: its state is in its custom_id."""

    def __init__(self, run: str) -> None:
        super().__init__(ui.Button(label="Retry", custom_id=f"retry:{run}"))
        self.run = run

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["run"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer()
        await interaction.followup.send(f"retrying {self.run}")


class Picker(ui.View):
    """A select above a dynamic button."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.add_item(Retry("7"))

    @ui.select(custom_id="pick", options=[discord.SelectOption(label=each) for each in ("small", "large")])
    async def pick(self, interaction: discord.Interaction, select: ui.Select[Picker]) -> None:
        await interaction.response.edit_message(content=f"picked {select.values[0]}", view=None)


class Bot(discord.Client):
    """A bot that uses what a slash-command bot uses."""

    def __init__(self, guild_id: int) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, message_content=True)
        super().__init__(intents=intents, guild_ready_timeout=0.05, heartbeat_timeout=1.0)
        self.tree = app_commands.CommandTree(self)
        self.guild = discord.Object(guild_id)
        self.heard: list[str] = []
        self.interactions: list[discord.Interaction] = []
        self._changes = Changes()
        _add_commands(self.tree)

    async def setup_hook(self) -> None:
        self.tree.copy_global_to(guild=self.guild)
        self.add_dynamic_items(Retry)
        await self.tree.sync(guild=self.guild)
        await self.tree.sync()

    async def hears(self, text: str) -> None:
        """Waits until a message of this text has arrived, at most 5 s."""
        await self._changes.wait_for(lambda: text in self.heard, PATIENCE_S, lambda: f"heard {self.heard}")

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        self.interactions.append(interaction)

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message.content)
        self._changes.notify()
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

    @tree.command(description="Offers a choice")
    async def choose(interaction: discord.Interaction[Bot]) -> None:
        await interaction.response.send_message("which?", view=Picker())

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

    del spawn, output, ask, choose, silent, clone, run_on
    tree.add_command(group)


@dataclass(frozen=True)
class Stage:
    """A stand-in with a channel, a user and a connected bot."""

    discord: StandIn
    channel: Channel
    user: User
    bot: Bot


async def _run(bot: Bot, token: str) -> None:
    try:
        await bot.start(token)
    except AssertionError:  # aiohttp's (3.14), where it connects again while its session is closed
        if not bot.is_closed():
            raise


@contextlib.asynccontextmanager
async def connected(standin: StandIn) -> AsyncGenerator[Bot]:
    """A client from login to close. Raises what ends its run before it is ready."""
    bot = Bot(standin.world.guild_id)
    with redirected(standin):
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks, bot:
            tasks.create_task(_run(bot, standin.token))
            await bot.wait_until_ready()
            yield bot
            await bot.close()


@contextlib.asynccontextmanager
async def staged(standin: StandIn) -> AsyncGenerator[Stage]:
    """A guild with one channel, one user and the bot."""
    channel, user = standin.world.add_channel("agents"), standin.world.add_member("ada")
    async with connected(standin) as bot:
        yield Stage(standin, channel, user, bot)
