"""The tools around what a channel's agents start with: show, set, reset."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.crew import Crew
from agents.rights import Right
from agents.tools import defaults
from agents.tools.core import Call, Input, NotPermitted, Output, Tool
from agents.tools.spawn_options import SpawnOptions
from agents.tools.stakes import Stake, always
from vps import channels
from vps.channels import Kept
from vps.errors import BadInput
from vps.models import Limits

Channel = Annotated[
    str | None, Field(default=None, pattern=r"^\d{1,20}$", description="id of the channel, if it is not this one")
]
Option = Literal[
    "all", "workspace_path", "timeout", "model", "fallback_model", "effort", "permission_mode", "max_turns", "max_budget_usd",
    "allowed_tools", "disallowed_tools", "system_prompt", "append_system_prompt", "mcp_config", "env", "profile", "memory", "cpus",
    "disk", "network",
]  # fmt: skip


class ShowInput(Input):
    """What `get_channel_settings` takes."""

    channel: Channel


class SetInput(SpawnOptions):
    """What `set_channel_settings` takes: the options of a spawn."""

    channel: Channel


class ResetInput(Input):
    """What `reset_channel_settings` takes."""

    option: Annotated[Option, Field(description="which one, or all")]
    channel: Channel


class Setting(BaseModel):
    """An option that a channel has a value for; `at` is epoch seconds, `trouble` why a spawn would refuse it."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: str
    by: str
    at: float
    trouble: str = ""

    def summary(self) -> str:
        """One line for a person."""
        if self.trouble:
            return f"⚠️ {self.name} {self.trouble} No agent starts until it is changed or reset."
        return f"{self.name}: {self.value} · by {self.by}, {datetime.fromtimestamp(self.at, UTC):%Y-%m-%d %H:%M} UTC"


class SettingsOutput(Output):
    """What holds in a channel, for options a spawn is not given: its settings, then what is built in."""

    channel: str
    settings: list[Setting]
    built_in: dict[str, str]

    def summary(self) -> str:
        """See `Output.summary`."""
        head = f"Settings of channel {self.channel}:" if self.settings else f"Channel {self.channel} has no settings."
        rest = ", ".join(f"{name} {value}" for name, value in self.built_in.items())
        lines = [head, *(each.summary() for each in self.settings), f"Built in: {rest}."]
        return "\n".join([*lines, "What a spawn is given itself goes before all of this."])


def _channel(crew: Crew, given: str | None, call: Call) -> int:
    """In Discord rights are a channel's, so nobody reaches from one into another."""
    own = defaults.channel_of(crew, call.origin)
    if given is None and own is None:
        remedy = "Give its id, or set DISCORD_CHANNEL_ID."
        raise BadInput("channel", "is required where a call comes from no channel.", remedy=remedy)
    wanted = own if given is None else int(given)
    assert wanted is not None
    if call.origin.guild_id and wanted != own:
        raise NotPermitted("The settings of another channel are not yours here.", remedy="Use the command there.")
    return wanted


def _output(crew: Crew, channel: int, kept: dict[str, Kept]) -> SettingsOutput:
    built_in = {name: value for name, value in _built_in(crew).items() if name not in kept}
    settings = [_setting(name, each) for name, each in sorted(kept.items())]
    return SettingsOutput(channel=str(channel), settings=settings, built_in=built_in)


def _setting(name: str, kept: Kept) -> Setting:
    trouble = defaults.why_invalid(name, kept.value)
    value = "" if trouble else defaults.told({name: kept.value}, [name])[name]
    return Setting(name=name, value=value, by=kept.by, at=kept.at, trouble=trouble)


def _built_in(crew: Crew) -> dict[str, str]:
    limits = Limits()
    own: dict[str, Any] = {name: field.default for name, field in SpawnOptions.model_fields.items()}
    own |= {"memory": limits.memory, "cpus": limits.cpus, "disk": round(crew.settings.AGENTFLOW_DISK_GB * (1 << 30))}
    own["workspace_path"] = f"{crew.settings.AGENTFLOW_ROOT}/workspace"
    return defaults.told(own, own)


async def _show(crew: Crew, given: ShowInput, call: Call) -> SettingsOutput:
    channel = _channel(crew, given.channel, call)
    return _output(crew, channel, await channels.read(crew.relay, channel))


async def _set(crew: Crew, given: SetInput, call: Call) -> SettingsOutput:
    channel = _channel(crew, given.channel, call)
    names = given.model_fields_set - {"channel"}
    changes = given.model_dump(mode="json", include=names)
    if not changes:
        remedy = f"Give one or more of {', '.join(SpawnOptions.model_fields)}."
        raise BadInput("option", "is required: there is nothing to set.", remedy=remedy)
    if given.workspace_path is not None:
        await crew.runs.check(given.workspace_path)
    by = call.origin.caller_name or call.origin.caller
    return _output(crew, channel, await channels.change(crew.relay, channel, changes, by))


async def _reset(crew: Crew, given: ResetInput, call: Call) -> SettingsOutput:
    channel = _channel(crew, given.channel, call)
    kept = await channels.read(crew.relay, channel)
    # All there are, so that one that is not an option any more goes too.
    names = kept if given.option == "all" else [given.option]
    return _output(crew, channel, await channels.change(crew.relay, channel, dict.fromkeys(names), call.origin.caller))


SHOW_SETTINGS = Tool(
    "get_channel_settings",
    "settings show",
    "What agents of a channel start with",
    Right.VIEW,
    ShowInput,
    SettingsOutput,
    _show,
)
SET_SETTINGS = Tool(
    "set_channel_settings",
    "settings set",
    "Change what agents of a channel start with",
    Right.MANAGE,
    SetInput,
    SettingsOutput,
    _set,
    stakes=always(Stake.SPENDS, Stake.OPENS),
)
RESET_SETTINGS = Tool(
    "reset_channel_settings",
    "settings reset",
    "Drop a channel's setting; what is built in holds again",
    Right.MANAGE,
    ResetInput,
    SettingsOutput,
    _reset,
    stakes=always(Stake.SPENDS, Stake.OPENS),
)
TOOLS = (SHOW_SETTINGS, SET_SETTINGS, RESET_SETTINGS)
