"""A small bot with everything the real one needs of Discord, for tests of the embedded Discord."""

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import discord
import yarl
from discord import app_commands, gateway, http, ui

from bot.demo.embedded import EmbeddedDiscord

STEPS = 10
STEP_S = 0.2
DIFF = """```diff
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a - b
+    return a + b
```"""


class Stop(ui.DynamicItem[ui.Button[Any]], template=r"stop:(?P<run>\w+)"):
    """A button that still works after a restart."""

    def __init__(self, run: str) -> None:
        super().__init__(ui.Button(label="Stop", style=discord.ButtonStyle.danger, custom_id=f"stop:{run}"))

    @classmethod
    async def from_custom_id(cls, interaction: discord.Interaction, item: ui.Item[Any], match: object, /) -> "Stop":
        return cls("sample")

    async def callback(self, interaction: discord.Interaction) -> None:
        """Answer so that only the person sees it, and end the run."""
        client = interaction.client
        assert isinstance(client, SampleBot)
        client.stopped.set()
        client.goes_on.set()
        await interaction.response.send_message("Stopping the agent.", ephemeral=True)


class Card(ui.LayoutView):
    """The status card."""

    def __init__(self, step: int, state: str) -> None:
        super().__init__(timeout=None)
        head = ui.TextDisplay[Card](f"### fix add() and add a test\n**{state}** · step {step} of {STEPS} · $0.04")
        box = ui.Container[Card](accent_colour=discord.Colour.green() if state == "done" else discord.Colour.blurple())
        box.add_item(head).add_item(ui.Separator()).add_item(ui.TextDisplay("-# `Edit` calc.py"))
        if state == "running":
            row: ui.ActionRow[Card] = ui.ActionRow()
            box.add_item(row.add_item(Stop("sample")))
        self.add_item(box)


class SampleBot(discord.Client):
    """`/spawn` opens a thread and works in it from a task of its own."""

    def __init__(self, guild_id: int) -> None:
        super().__init__(
            intents=discord.Intents.default(), allowed_mentions=discord.AllowedMentions.none(), guild_ready_timeout=0.2
        )
        self.tree = app_commands.CommandTree(self)
        self.guild = discord.Object(guild_id)
        self.stopped = asyncio.Event()
        self.goes_on = asyncio.Event()
        """It waits for this at step `waits_at`, if there is one."""
        self.waits_at = 0
        self.echo_port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def setup_hook(self) -> None:
        """Register the commands."""
        self.add_dynamic_items(Stop)
        # The decorator leaves the type of a command's group unknown.
        self.tree.add_command(cast("app_commands.Command[Any, ..., None]", spawn), guild=self.guild)
        self.tree.add_command(cast("app_commands.Command[Any, ..., None]", broken), guild=self.guild)
        await self.tree.sync(guild=self.guild)

    def work(self, thread: discord.Thread) -> None:
        """Start the work and keep hold of its task."""
        task = asyncio.create_task(self._work(thread))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, thread: discord.Thread) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.echo_port)
        card = await thread.send(view=Card(0, "running"))
        for step in range(1, STEPS + 1):
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_S):
                    await self.stopped.wait()
            writer.write(b"step\n")
            await writer.drain()
            assert await reader.readline() == b"step\n"
            await card.edit(view=Card(step, "stopped" if self.stopped.is_set() else "running"))
            if step == self.waits_at:
                await self.goes_on.wait()
            if self.stopped.is_set():
                break
        writer.close()
        await thread.send(f"I changed **one line** in `calc.py`, <b>nothing</b> else.\n{DIFF}")
        await thread.send(
            "The whole log:", file=discord.File(io.BytesIO(b"1 passed\n"), "pytest.log", description="log")
        )
        await card.edit(view=Card(STEPS, "stopped" if self.stopped.is_set() else "done"))
        await thread.send("Finished in 2.0 s.")


@app_commands.command(description="Start an agent")
@app_commands.describe(task="What to do", model="Which model")
async def spawn(interaction: discord.Interaction, task: app_commands.Range[str, 1, 200], model: str = "haiku") -> None:
    """Defer, answer with the anchor message, open the thread."""
    await interaction.response.defer(thinking=True)
    anchor = await interaction.edit_original_response(content=f"Agent for **{task}** ({model})")
    channel = interaction.channel
    assert isinstance(channel, discord.TextChannel)
    thread = await channel.get_partial_message(anchor.id).create_thread(name=task[:100])
    client = interaction.client
    assert isinstance(client, SampleBot)
    client.work(thread)


@spawn.autocomplete("model")
async def models(_: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    """Models whose name contains what was typed."""
    known = {"Haiku": "claude-haiku", "Opus": "claude-opus", "Sonnet": "claude-sonnet"}
    return [app_commands.Choice(name=name, value=value) for name, value in known.items() if current in name.lower()]


@app_commands.command(description="Never answers")
async def broken(_: discord.Interaction) -> None:
    """Stay silent."""


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def sample_bot(server: EmbeddedDiscord, *, waits_at: int = 0) -> AsyncGenerator[SampleBot]:
    """The sample bot, connected over the real HTTP client and gateway."""
    before = http.Route.BASE, gateway.DiscordWebSocket.DEFAULT_GATEWAY
    http.Route.BASE = server.api_url
    gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)
    bot = SampleBot(server.guild_id)
    bot.waits_at = waits_at
    echo = await asyncio.start_server(_echo, "127.0.0.1", 0)
    bot.echo_port = echo.sockets[0].getsockname()[1]
    running = asyncio.create_task(bot.start(server.token))
    try:
        await server.ready("spawn", timeout=60)
        yield bot
    finally:
        await bot.close()
        await running
        echo.close()
        await echo.wait_closed()
        http.Route.BASE, gateway.DiscordWebSocket.DEFAULT_GATEWAY = before
