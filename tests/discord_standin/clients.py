"""Points discord.py at a stand-in."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from .server import StandIn


@contextlib.contextmanager
def redirected(standin: StandIn) -> Generator[None]:
    """Sends every discord.py client of this process to the stand-in, for as long as the context lasts."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, discord.Asset.BASE
    Route.BASE = standin.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(standin.gateway_url)
    discord.Asset.BASE = standin.cdn_url
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, discord.Asset.BASE = before
