"""Who may do what: Discord members to rights. Default deny."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import discord

from agents.config import Settings
from agents.rights import EVERYTHING, Right
from bot.delivery import insist
from vps.models import Origin

_KNOWN_S = 60.0
_LOOKUP_S = 1.0
"""With the audit line of a refusal behind it, the answer still has to be there within Discord's 3 s."""


class People:
    """Whose rights are asked for. In direct messages a person is looked up in the configured guild, and known for a minute."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[int, tuple[float, discord.Member | None]] = {}

    async def rights(self, interaction: discord.Interaction[Any]) -> frozenset[Right]:
        """What the one who sent it may do where it was sent."""
        if interaction.guild_id is not None or self._settings.DISCORD_GUILD_ID is None:
            return rights(self._settings, interaction.user, _channels(interaction))
        member = await self._member(interaction.client, self._settings.DISCORD_GUILD_ID, interaction.user.id)
        return rights(self._settings, member) if member else frozenset()

    async def of_author(
        self, client: discord.Client, message: discord.Message, channels: frozenset[int], guild_id: int | None
    ) -> frozenset[Right]:
        """What the one who wrote a message in a guild may do in those channels, however long it takes to find that out.

        A message that was read from a channel's history does not tell its author's roles: they are asked for.
        """
        member = message.author
        if not isinstance(member, discord.Member) and guild_id is not None:
            found = await self._asked(client, guild_id, member.id)
            if found is None:
                return frozenset()
            member = found
        return rights(self._settings, member, channels)

    async def of_writer(self, client: discord.Client, message: discord.Message) -> frozenset[Right]:
        """What the one who wrote a message may do where it stands; directly, those of the configured guild's member."""
        if message.guild is not None:
            return await self.of_author(client, message, frozenset(places(message)), message.guild.id)
        guild_id = self._settings.DISCORD_GUILD_ID
        if guild_id is None:
            return rights(self._settings, message.author)
        member = await self._asked(client, guild_id, message.author.id)
        return rights(self._settings, member) if member else frozenset()

    async def of_caller(self, client: discord.Client, origin: Origin) -> frozenset[Right]:
        """What the one who called through Discord may do there by now, however long it takes to find that out."""
        guild_id = origin.guild_id or self._settings.DISCORD_GUILD_ID
        member = await self._asked(client, guild_id, int(origin.person.removeprefix("discord:"))) if guild_id else None
        if member is None:
            return frozenset()
        channels = frozenset({origin.channel_id} if origin.guild_id and origin.channel_id else ())
        return rights(self._settings, member, channels)

    async def _asked(self, client: discord.Client, guild_id: int, user_id: int) -> discord.Member | None:
        async def ask() -> discord.Member | None:
            guild = client.get_guild(guild_id)
            if guild is None:
                raise TimeoutError("Discord has not told of the guild yet")
            try:
                return await guild.fetch_member(user_id)
            except discord.NotFound:
                return None

        return await insist(ask)

    async def _member(self, client: discord.Client, guild_id: int, user_id: int) -> discord.Member | None:
        """None for one who is not in the guild, or not any more, and while nobody can tell."""
        at, known = self._known.get(user_id, (-_KNOWN_S, None))
        if time.monotonic() - at < _KNOWN_S:
            return known
        guild = client.get_guild(guild_id)
        try:
            async with asyncio.timeout(_LOOKUP_S):
                known = await guild.fetch_member(user_id) if guild else None
        except discord.NotFound:
            known = None
        except (discord.HTTPException, TimeoutError):
            return None
        now = time.monotonic()
        fresh = {user: found for user, found in self._known.items() if now - found[0] < _KNOWN_S}
        self._known = {**fresh, user_id: (now, known)}
        return known


def rights(
    settings: Settings, user: discord.User | discord.Member, channels: frozenset[int] = frozenset()
) -> frozenset[Right]:
    """All rights for the allowed users and roles, else what DISCORD_RIGHTS grants. None in another guild: its members read along.

    Where nobody is named at all, members who may manage the guild have all of them.
    """
    member = user if isinstance(user, discord.Member) else None
    if member is not None and member.guild.id != (settings.DISCORD_GUILD_ID or member.guild.id):
        return frozenset()
    if user.id in settings.DISCORD_ALLOWED_USER_IDS:
        return EVERYTHING
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
    """Who calls, as Discord says; never a field that somebody filled in. The channel of a thread is the one above it."""
    channel = interaction.channel
    above = channel.parent_id if isinstance(channel, discord.Thread) else None
    return Origin(
        caller=f"discord:{interaction.user.id}",
        caller_name=interaction.user.display_name[:100],
        surface="discord",
        guild_id=interaction.guild_id,
        channel_id=channel_id or above or interaction.channel_id,
        thread_id=thread_id,
    )


def author(message: discord.Message, guild_id: int | None) -> Origin:
    """Who wrote a message, as Discord says."""
    return Origin(
        caller=f"discord:{message.author.id}",
        caller_name=message.author.display_name[:100],
        surface="discord",
        guild_id=guild_id,
        channel_id=message.channel.id,
    )


def places(message: discord.Message) -> list[int]:
    """The channel that it was written in, and the one above a thread."""
    above = message.channel.parent_id if isinstance(message.channel, discord.Thread) else None
    return [each for each in (message.channel.id, above) if each is not None]


def model_for(message: discord.Message, where: int, surface: str, settings: Settings) -> Origin:
    """A model that calls for who wrote a message, in the conversation of the channel `where`. Threads of agents open above a
    thread, and for what was written directly in the configured channel."""
    return Origin(
        caller=f"{surface}:{where}",
        caller_name="voice agent" if surface == "voice" else "text agent",
        surface=surface,
        guild_id=message.guild.id if message.guild else None,
        channel_id=places(message)[-1] if message.guild else settings.DISCORD_CHANNEL_ID,
        behalf=f"discord:{message.author.id}",
    )
