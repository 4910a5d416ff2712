"""Rights of members, as far as they need no conversation with Discord."""

from __future__ import annotations

from unittest.mock import Mock

import discord
import pytest

from agents.config import Settings, load
from agents.rights import EVERYTHING
from bot.people import rights

GUILD, ELSEWHERE, ADA, ROLE = 1, 2, 30, 40


@pytest.fixture
def settings() -> Settings:
    named = {"DISCORD_GUILD_ID": str(GUILD), "DISCORD_ALLOWED_USER_IDS": str(ADA), "DISCORD_RIGHTS": f"user:{ADA}=run"}
    return load(named | {"HETZNER_SERVER_IP": "127.0.0.1"}, dotenv=None)


def member(guild: int) -> discord.Member:
    found = Mock(spec=discord.Member, id=ADA, guild=Mock(id=guild), roles=[])
    assert isinstance(found, discord.Member)
    return found


def test_whoever_has_all_rights_has_none_in_another_guild(settings: Settings) -> None:
    assert rights(settings, member(GUILD)) == EVERYTHING
    assert rights(settings, member(ELSEWHERE)) == frozenset()


def test_without_a_configured_guild_every_guild_counts(settings: Settings) -> None:
    assert rights(settings.model_copy(update={"DISCORD_GUILD_ID": None}), member(ELSEWHERE)) == EVERYTHING
