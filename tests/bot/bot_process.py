"""The bot as a process or a container of its own, on a scene's settings."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from agents.config import Settings
from tests.bot.scene import RUN_S, Ground, Scene, short_directory
from tests.chaos.bot import BotProcess
from tests.discord_standin import StandIn


@asynccontextmanager
async def empty_scene(ground: Ground, **settings: object) -> AsyncGenerator[Scene]:
    """One in which no bot runs."""
    with short_directory() as root:
        async with StandIn() as discord:
            yield Scene(ground, discord, root, settings)


async def started(scene: Scene, bot: BotProcess) -> None:
    """Start it, and wait until it is connected."""
    before = scene.discord.gateway.identifies
    await bot.start()
    await scene.discord.wait_for(lambda: scene.discord.gateway.identifies > before, RUN_S)
    await scene.discord.connected(RUN_S)


def environ(settings: Settings) -> dict[str, str]:
    """The settings as a process gets them."""
    given = {name: value for name, value in settings if name in settings.model_fields_set}
    return {name: _text(value) for name, value in given.items()}


def _text(value: SecretStr | frozenset[int] | Path | str | float) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(map(str, value)) if isinstance(value, frozenset) else str(value)
