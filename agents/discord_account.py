"""The bot's account as Discord's REST API tells it, for the doctor: no library of Discord's is needed for two requests."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, cast

from pydantic import SecretStr

from agents.config import SettingsError
from vps.errors import VpsError

_API = "https://discord.com/api/v10"
_TIMEOUT_S = 15.0
_MAX_ANSWER = 1 << 20
# https://discord.com/developers/docs/topics/permissions: add reactions, view channel, send messages, embed links, attach files,
# read history, create public threads, send messages in threads, send voice messages.
_PERMISSIONS = sum(1 << bit for bit in (6, 10, 11, 14, 15, 16, 35, 38, 46))
# https://discord.com/developers/docs/resources/application#application-object-application-flags
_MESSAGE_CONTENT = (18, 19)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the bot is, and whether its application may read what people type."""

    name: str
    application_id: str
    reads_messages: bool

    @property
    def invite_url(self) -> str:
        """Opens Discord's page that adds the bot to a server with what it needs."""
        query = f"client_id={self.application_id}&scope=bot+applications.commands&permissions={_PERMISSIONS}"
        return f"https://discord.com/oauth2/authorize?{query}"


def _opener() -> urllib.request.OpenerDirector:
    """Follows no redirect: that would carry the token to another host."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


async def look_up(token: SecretStr, api_url: str | None) -> Account:
    """Raises SettingsError for a token that Discord refuses, VpsError when it cannot be asked."""
    base = (api_url or _API).rstrip("/")
    user, application = await asyncio.gather(
        asyncio.to_thread(_get, f"{base}/users/@me", token), asyncio.to_thread(_get, f"{base}/applications/@me", token)
    )
    flags = int(application.get("flags") or 0)
    reads_messages = any(flags >> bit & 1 for bit in _MESSAGE_CONTENT)
    return Account(str(user.get("username", "?")), str(application.get("id", "")), reads_messages)


def _get(url: str, token: SecretStr) -> dict[str, Any]:
    headers = {
        "Authorization": f"Bot {token.get_secret_value()}",
        "User-Agent": "DiscordBot (https://github.com/agentflow/agentflow, 0.1)",
    }
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  https, or http to loopback: checked by the settings
    try:
        with _opener().open(request, timeout=_TIMEOUT_S) as answer:
            parsed: Any = json.loads(answer.read(_MAX_ANSWER))
    except urllib.error.HTTPError as error:
        raise _refused(error) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        remedy = "Check this machine's network, and DISCORD_API_URL if it is set."
        raise VpsError(f"Discord cannot be asked: {error}.", remedy=remedy) from error
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def _refused(error: urllib.error.HTTPError) -> VpsError:
    with error:
        if error.code == 401:
            remedy = "Reset it in Discord's developer portal and put the new one in .env."
            return SettingsError("DISCORD_BOT_TOKEN is not accepted by Discord.", remedy=remedy)
        return VpsError(
            f"Discord answered {error.code}.", remedy="Try it again later; check DISCORD_API_URL if it is set."
        )
