"""What holds for a spawn: what it was given, then its channel's settings, then what is built in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from agents.crew import Crew
from agents.tools import environment
from agents.tools.core import parsed
from agents.tools.spawn_options import SpawnOptions
from vps import channels
from vps.channels import Kept
from vps.errors import BadInput
from vps.models import Origin

_LONG = ("system_prompt", "append_system_prompt")


def channel_of(crew: Crew, origin: Origin) -> int | None:
    """The channel whose settings hold: that of the call, else the one where threads open for calls that come from none."""
    return origin.channel_id if origin.guild_id and origin.channel_id else crew.settings.DISCORD_CHANNEL_ID


async def of_channel(crew: Crew, origin: Origin) -> dict[str, Kept]:
    """The settings that hold for a caller."""
    channel = channel_of(crew, origin)
    return await channels.read(crew.relay, channel) if channel is not None else {}


def missing(given: SpawnOptions, kept: Mapping[str, Kept]) -> dict[str, Any]:
    """The values of a channel for what a spawn was not given. Raises BadInput for one that holds no longer."""
    wanted = {name: each.value for name, each in kept.items() if name not in given.model_fields_set}
    for name, value in wanted.items():
        if trouble := why_invalid(name, value):
            raise from_channel(BadInput(name, trouble))
    return wanted


def why_invalid(name: str, value: Any) -> str:
    """Why a spawn would refuse an option; empty if it takes it."""
    try:
        parsed(SpawnOptions, {name: value})
    except BadInput as error:
        return error.problem
    return ""


def from_channel(error: BadInput) -> BadInput:
    """The same, telling whose value it is."""
    remedy = f"Change it with `settings set`, drop it with `settings reset {error.field}`, or give another one here."
    return BadInput(error.field, f"the channel's setting {error.problem}", remedy=remedy)


def told(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Options in a few words each, as everybody may see them: what could be private or long is counted or named."""
    return {name: _told(name, options[name]) for name in names if options.get(name) is not None}


def _told(name: str, value: Any) -> str:
    if name in _LONG:
        return f"{len(value)} characters"
    if name == "env":
        return ", ".join(environment.lines(value))
    if name == "mcp_config":
        return ", ".join(json.loads(value)["mcpServers"])
    if name == "timeout":
        return _duration(value)
    if name in ("memory", "disk"):
        return f"{value / (1 << 30):g} GiB"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _duration(ms: int) -> str:
    units = ((3_600_000, "h"), (60_000, "m"), (1000, "s"))
    return next((f"{ms // unit}{sign}" for unit, sign in units if ms % unit == 0), f"{ms}ms")
