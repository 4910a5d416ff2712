"""The guild as REST and GUILD_CREATE send it."""

from __future__ import annotations

from .state import World
from .wire import Json


def guild_json(world: World) -> Json:
    """The guild object of GET /guilds/{guild.id}."""
    nothing = (
        *("icon", "description", "home_header", "splash", "discovery_splash", "banner", "application_id"),
        *("afk_channel_id", "system_channel_id", "widget_channel_id", "vanity_url_code", "rules_channel_id"),
        *("safety_alerts_channel_id", "public_updates_channel_id", "max_presences", "incidents_data"),
    )
    zero = (
        *("system_channel_flags", "verification_level", "default_message_notifications", "mfa_level"),
        *("explicit_content_filter", "premium_tier", "premium_subscription_count", "nsfw_level"),
        *("max_stage_video_channel_users", "max_video_channel_users"),
    )
    return {
        **dict.fromkeys(nothing),
        **dict.fromkeys(zero, 0),
        "id": str(world.guild_id),
        "name": "stand-in",
        "owner_id": str(world.owner.id),
        "features": [],
        "region": "deprecated",
        "afk_timeout": 300,
        "widget_enabled": False,
        "roles": [role.json() for role in world.roles.values()],
        "max_members": 500_000,
        "preferred_locale": "en-US",
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "emojis": [],
        "stickers": [],
    }


def guild_create(world: World) -> Json:
    """The guild with what GUILD_CREATE adds: members, channels, active threads."""
    bot = world.members[world.bot.id]
    return {
        **guild_json(world),
        "joined_at": bot.joined_at,
        "large": False,
        "unavailable": False,
        "member_count": len(world.members),
        "members": [member.json() for member in world.members.values()],
        "channels": [channel.json() for channel in world.channels.values() if not channel.is_thread],
        "threads": [world.thread_json(thread) for thread in world.threads() if not thread.archived],
        **{key: [] for key in ("voice_states", "presences", "stage_instances", "guild_scheduled_events")},
        "soundboard_sounds": [],
    }


def user_json(world: World) -> Json:
    """The answer of GET /users/@me."""
    return {**world.bot.json(), "mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}


def application_json(world: World, flags: int) -> Json:
    """The answer of GET /oauth2/applications/@me."""
    return {
        "id": str(world.application_id),
        "name": world.bot.name,
        "icon": None,
        "description": "",
        "type": None,
        "verify_key": "0" * 64,
        "flags": flags,
        "flags_new": str(flags),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": world.owner.json(),
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
        "bot_public": False,
        "bot_require_code_grant": False,
        "bot": world.bot.json(),
    }
