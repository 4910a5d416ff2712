"""Hands the gateway a credential for the model, so that agents that wait for one go on."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import SecretStr

from agents import audit
from agents.config import Settings
from agents.crew import Crew, open_crew
from vps.errors import BadInput
from vps.gateway import API_KEY, OAUTH, kind
from vps.models import Origin

Ask = Callable[[str], Awaitable[str]]

PROMPT = "Anthropic API key or subscription token: "
_NAMES = {API_KEY: "API key", OAUTH: "subscription's token"}
_SECRET = re.compile(r"[!-~]{8,1000}")
_TAKEN_S = 5.0
_LOOK_S = 0.1


async def hand_over(settings: Settings, ask: Ask | None, origin: Origin) -> str:
    """Give it that of the settings, or what `ask` gets from the person; what came of it. Raises SettingsError or BadInput."""
    given = None
    if ask is None:
        settings.require_credential()
    else:
        given = _checked(await ask(PROMPT))
    async with open_crew(settings) as crew:
        # What is given by hand holds until the settings change: so they have to be known before.
        await crew.gateway.is_current()
        before = await crew.gateway.usage(1)
        kind_before = await crew.gateway.renew(given)
        line = audit.entry(origin, "credential", {"ask": ask is not None}, "ok", at=time.time(), ms=0, mask=crew.mask)
        await audit.note(crew.relay, line)
        own = API_KEY if settings.ANTHROPIC_API_KEY else OAUTH
        now = own if given is None else kind(given)
        return await _told(crew, before, now, kind_before)


def _checked(text: str) -> SecretStr:
    if not _SECRET.fullmatch(text):
        remedy = "Paste it as one line, such as sk-ant-…"
        raise BadInput("credential", "that is no key or token.", remedy=remedy)
    return SecretStr(text)


async def _told(crew: Crew, before: dict[str, Any], now: str, kind_before: str) -> str:
    name = _NAMES[now]
    if not before["alive"]:
        return f"The VPS has the {name}. The gateway uses it once the next agent starts it."
    if not await _is_taken(crew, before):
        return (
            f"The VPS has the {name}, but the gateway has not taken it within {_TAKEN_S:.0f} s. See `agentflow doctor`."
        )
    text = f"The gateway uses the {name} from now on; agents that waited for it go on."
    if kind_before and kind_before != now:
        text += f" Those that began with a {_NAMES[kind_before]} may not be able to: spawn them again if they pause."
    return text


async def _is_taken(crew: Crew, before: dict[str, Any]) -> bool:
    """Whether the gateway says so."""
    for _ in range(round(_TAKEN_S / _LOOK_S)):
        status = (await crew.gateway.usage(1))["status"]
        if status.get("set_at") != before["status"].get("set_at"):
            return True
        await asyncio.sleep(_LOOK_S)
    return False
