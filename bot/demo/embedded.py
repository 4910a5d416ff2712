"""An embedded Discord: REST API, gateway and a web page on one loopback port.

The bot connects to it as it connects to Discord, through its ordinary settings:

    async with embedded_discord() as discord:
        settings = {
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "DISCORD_BOT_TOKEN": discord.token,
            "DISCORD_GUILD_ID": discord.guild_id,
            "DISCORD_CHANNEL_ID": discord.channel_id,
        }
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from bot.demo.gateway import Gateway
from bot.demo.page import Page
from bot.demo.person import Person
from bot.demo.rest import PREFIX, REQUEST_MAX_BYTES, Rest
from bot.demo.transcript import thread_text
from bot.demo.world import World

STOP_S = 1.0
"""How long open requests may take when it stops."""


@dataclass(frozen=True)
class EmbeddedDiscord:
    """A running embedded Discord: where it listens, what lets one in, who is in it."""

    world: World
    person: Person
    gateway: Gateway
    port: int
    token: str
    key: str

    @property
    def api_url(self) -> str:
        """For `DISCORD_API_URL`."""
        return self.world.url + PREFIX

    @property
    def gateway_url(self) -> str:
        """For `DISCORD_GATEWAY_URL`."""
        return f"ws://127.0.0.1:{self.port}/gateway"

    @property
    def page_url(self) -> str:
        """For the person's browser; it carries the key."""
        return f"{self.world.url}/?key={self.key}"

    @property
    def guild_id(self) -> int:
        """For `DISCORD_GUILD_ID`."""
        return self.world.guild_id

    @property
    def channel_id(self) -> int:
        """For `DISCORD_CHANNEL_ID`."""
        return self.world.channel_id

    async def ready(self, command: str, timeout: float) -> None:
        """Wait until the bot is connected and has synced a command; raises TimeoutError after `timeout` seconds."""

        def answering() -> bool | None:
            synced = any(known["name"] == command for known in self.person.commands(self.channel_id))
            return (synced and self.gateway.connected) or None

        await self.world.until(answering, timeout)

    async def newest_thread(self, timeout: float) -> int:
        """The id of the newest thread, waiting for one; raises TimeoutError after `timeout` seconds."""

        def newest() -> int | None:
            return next((thread.id for thread in self.world.threads()), None)

        return await self.world.until(newest, timeout)

    async def text_with(self, channel_id: int, words: str, timeout: float) -> str:
        """A channel's or thread's text once it contains `words`; raises TimeoutError after `timeout` seconds."""

        def text() -> str | None:
            shown = thread_text(self.world, channel_id)
            return shown if words in shown else None

        return await self.world.until(text, timeout)


@asynccontextmanager
async def embedded_discord(
    *, port: int = 0, guild: str = "AgentFlow", channel: str = "agents", person: str = "You", bot: str = "AgentFlow"
) -> AsyncGenerator[EmbeddedDiscord]:
    """Serve an embedded Discord on 127.0.0.1; port 0 takes a free one. Raises OSError when the port is taken."""
    world = World(guild=guild, channel=channel, person=person, bot=bot)
    actor, token, key = Person(world), secrets.token_urlsafe(24), secrets.token_urlsafe(16)
    app = web.Application(client_max_size=REQUEST_MAX_BYTES)
    gateway = Gateway(world, token)
    for part in (Rest(world, token), gateway, Page(world, actor, key)):
        part.add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        taken = runner.addresses[0][1]
        world.url = f"http://127.0.0.1:{taken}"
        yield EmbeddedDiscord(world, actor, gateway, taken, token, key)
    finally:
        await runner.cleanup()
