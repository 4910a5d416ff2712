"""The client of `vps.host.channels`: what agents of a channel start with unless a spawn says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from vps.relay import Relay


class Kept(BaseModel):
    """An option of a channel: its value as JSON, who set it, and when in epoch seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: Any
    by: str = ""
    at: float = 0.0


async def read(relay: Relay, channel: int) -> dict[str, Kept]:
    """A channel's options by their name."""
    return _read(await relay.ask("channel", {"channel": str(channel)}))


async def change(relay: Relay, channel: int, changes: Mapping[str, Any], by: str) -> dict[str, Kept]:
    """Set options, or remove those whose value is None; those there are then."""
    request = {"channel": str(channel), "changes": dict(changes), "by": by}
    return _read(await relay.ask("channel-change", request))


def _read(answer: dict[str, Any]) -> dict[str, Kept]:
    return {name: Kept.model_validate(kept) for name, kept in answer["options"].items()}
