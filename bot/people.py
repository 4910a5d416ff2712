"""Who may do what: Discord members to rights. Default deny."""

from __future__ import annotations

import discord

from agents.config import Settings
from agents.tools.core import Right
from vps.models import Origin

EVERYTHING = frozenset(Right)


def rights(settings: Settings, user: discord.User | discord.Member) -> frozenset[Right]:
    """All rights for the allowed users and roles; where none are named, for members who may manage the guild."""
    if user.id in settings.DISCORD_ALLOWED_USER_IDS:
        return EVERYTHING
    if not isinstance(user, discord.Member) or user.guild.id != (settings.DISCORD_GUILD_ID or user.guild.id):
        return frozenset()
    if settings.DISCORD_ALLOWED_ROLE_IDS & {role.id for role in user.roles}:
        return EVERYTHING
    unnamed = not settings.DISCORD_ALLOWED_USER_IDS and not settings.DISCORD_ALLOWED_ROLE_IDS
    return EVERYTHING if unnamed and user.guild_permissions.manage_guild else frozenset()


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
