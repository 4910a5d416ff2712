"""Points discord.py at a stand-in."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from .server import StandIn


@contextlib.contextmanager
def redirected(standin: StandIn) -> Generator[None]:
    """Sends every discord.py client of this process to the stand-in, for as long as the context lasts."""
    places: tuple[tuple[Any, str, Any], ...] = (
        (Route, "BASE", standin.api_url),
        (DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway_url)),
        (discord.Asset, "BASE", standin.cdn_url),
    )
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, value in places:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
