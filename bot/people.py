"""Who may do what: Discord members to rights. Default deny."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import discord

from agents.config import Settings
from agents.rights import EVERYTHING, Right
from vps.models import Origin

_KNOWN_S = 60.0
_LOOKUP_S = 2.0


class People:
    """Whose rights are asked for. In direct messages a person is looked up in the configured guild, and known for a minute."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[int, tuple[float, discord.Member | None]] = {}

    async def rights(self, interaction: discord.Interaction[Any]) -> frozenset[Right]:
        """What the one who sent it may do where it was sent."""
        user = interaction.user
        if isinstance(user, discord.User) and interaction.guild_id is None:
            user = await self._member(interaction.client, user)
        return rights(self._settings, user, _channels(interaction))

    async def _member(self, client: discord.Client, user: discord.User) -> discord.User | discord.Member:
        """The guild's member; the user where there is none, who then has what is the user's own."""
        guild_id = self._settings.DISCORD_GUILD_ID
        at, known = self._known.get(user.id, (0.0, None))
        if guild_id is None or (time.monotonic() - at < _KNOWN_S and at):
            return known or user
        guild = client.get_guild(guild_id)
        try:
            async with asyncio.timeout(_LOOKUP_S):
                known = await guild.fetch_member(user.id) if guild else None
        except (discord.HTTPException, TimeoutError):
            known = None
        self._known[user.id] = (time.monotonic(), known)
        return known or user


def rights(
    settings: Settings, user: discord.User | discord.Member, channels: frozenset[int] = frozenset()
) -> frozenset[Right]:
    """All rights for the allowed users and roles, else what DISCORD_RIGHTS grants.

    Where nobody is named at all, members who may manage the guild have all of them.
    """
    if user.id in settings.DISCORD_ALLOWED_USER_IDS:
        return EVERYTHING
    member = user if isinstance(user, discord.Member) else None
    if member is not None and member.guild.id != (settings.DISCORD_GUILD_ID or member.guild.id):
        return frozenset()
    roles = frozenset(role.id for role in member.roles) if member else frozenset[int]()
    if settings.DISCORD_ALLOWED_ROLE_IDS & roles:
        return EVERYTHING
    # Another guild's channels are none of ours, and a direct message has none.
    granted = settings.DISCORD_RIGHTS.of(user.id, roles, channels if member else frozenset())
    named = settings.DISCORD_ALLOWED_USER_IDS or settings.DISCORD_ALLOWED_ROLE_IDS or settings.DISCORD_RIGHTS
    manager = member is not None and not named and member.guild_permissions.manage_guild
    return EVERYTHING if manager else granted


def _channels(interaction: discord.Interaction[Any]) -> frozenset[int]:
    """The channel, and the one above a thread."""
    channel = interaction.channel
    above = channel.parent_id if isinstance(channel, discord.Thread) else None
    return frozenset(each for each in (interaction.channel_id, above) if each is not None)


def origin(interaction: discord.Interaction, *, thread_id: int | None = None, channel_id: int | None = None) -> Origin:
    """Who calls, as Discord says; never a field that somebody filled in."""
    return Origin(
        caller=f"discord:{interaction.user.id}",
        caller_name=interaction.user.display_name[:100],
        surface="discord",
        guild_id=interaction.guild_id,
        channel_id=channel_id or interaction.channel_id,
        thread_id=thread_id,
    )
