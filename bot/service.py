"""The bot as a process: started with all it needs, alone on its root directory, ended by signals."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator

import aiohttp
import discord
import structlog
import yarl
from discord import gateway, http

from agents import logs
from agents.config import Settings, SettingsError
from agents.crew import Crew, open_crew
from bot import systemd
from bot.app import Bot
from bot.health import Pulse, Vitals, served
from bot.instance import alone, label
from bot.store import open_store
from bot.talk_store import open_talks
from vps.errors import LeaseTaken, VpsError
from vps.lease import Lease

log = structlog.get_logger()


def point_at(settings: Settings) -> None:
    """Send discord.py to the configured addresses; it has no public way (2.7.1)."""
    if settings.DISCORD_API_URL:
        http.Route.BASE = settings.DISCORD_API_URL.rstrip("/")
    if settings.DISCORD_GATEWAY_URL:
        gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.DISCORD_GATEWAY_URL)


@contextlib.asynccontextmanager
async def running_bot(settings: Settings) -> AsyncGenerator[tuple[Bot, asyncio.Task[None]]]:
    """The bot with all it needs, started; the task ends when Discord refuses it for good or another bot took its place."""
    token = settings.DISCORD_BOT_TOKEN
    if token is None:
        raise SettingsError(
            "DISCORD_BOT_TOKEN is not set.", remedy="Put the bot's token in .env; the README says where it is."
        )
    point_at(settings)
    async with contextlib.AsyncExitStack() as stack:
        holder = stack.enter_context(alone(settings.state_dir))
        crew = await stack.enter_async_context(open_crew(settings))
        lease = await stack.enter_async_context(Lease(crew.relay, holder, label()))
        await _hand_over(crew)
        store = await stack.enter_async_context(open_store(settings.state_dir / "agentflow.sqlite3"))
        talk_store = await stack.enter_async_context(open_talks(settings.state_dir / "talks.sqlite3"))
        bot = Bot(settings, crew, store, talk_store)
        vitals = Vitals(Pulse(bot), crew.relay, bot.showing)
        await stack.enter_async_context(served(vitals, settings.state_dir, settings.AGENTFLOW_METRICS))
        task = asyncio.create_task(_work(bot, token.get_secret_value(), lease), name="discord")
        try:
            yield bot, task
        finally:
            systemd.notify("STOPPING=1")
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, discord.DiscordException, LeaseTaken):
                await task


async def _hand_over(crew: Crew) -> None:
    """The gateway's settings and credential, where they changed: agents that wait for those go on."""
    try:
        await crew.gateway.is_current()
    except VpsError as error:
        await log.awarning("the gateway does not have the settings yet; the next agent brings them", error=str(error))


async def _work(bot: Bot, token: str, lease: Lease) -> None:
    """Until Discord refuses it for good, or another bot took its place: then nothing more is shown."""
    parts = [asyncio.create_task(bot.start(token)), asyncio.create_task(lease.keep())]
    try:
        ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in ended:
            part.result()
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        await bot.close()  # last: a login under way makes a session that is to be closed too


async def serve(settings: Settings) -> None:
    """Run the bot until it is told to stop. Raises VpsError for what only a person or another start can mend."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    turning = asyncio.create_task(systemd.watchdog(), name="watchdog")
    try:
        async with running_bot(settings) as (_, task):
            await task
    except discord.LoginFailure as error:
        remedy = "Reset it in Discord's developer portal and put the new one in .env."
        raise SettingsError("DISCORD_BOT_TOKEN is not accepted by Discord.", remedy=remedy) from error
    except (discord.DiscordException, aiohttp.ClientError) as error:
        raise VpsError(f"Discord does not let the bot in: {error}.", remedy="Start it again later.") from error
    finally:
        turning.cancel()


def run(settings: Settings) -> int:
    """Run the bot on this process's main thread until SIGINT or SIGTERM; its exit code."""
    logs.configure(settings.AGENTFLOW_LOG_LEVEL, settings.mask)
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(serve(settings))
    return 0
