"""What the doctor says of the gateway, by what the host tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from agents.tools.usage import clock, lines
from agents.usage import read
from vps.mask import Mask


class State(StrEnum):
    """Whether agents can work through it."""

    GOOD = "good"
    WAITING = "waiting"
    BROKEN = "broken"


def judge(told: Mapping[str, Any], name: str) -> tuple[State, str]:
    """The answer of `vps.gateway.Gateway.usage`; `name` is the container's."""
    if not told["started"]:
        return State.GOOD, "not there yet; the first agent starts it"
    if not told["alive"]:
        remedy = f"See `docker logs {name}` on the host; the next spawn starts it anew."
        return State.BROKEN, f"does not answer, and {len(told['specs'])} of the agents at work need it. {remedy}"
    usage = read(told, 1, {}, Mask(()))
    if usage.waiting and usage.waiting_until:
        return State.WAITING, f"agents pause until {clock(usage.waiting_until)}: {usage.waiting}."
    if usage.waiting:
        return State.BROKEN, f"agents pause: {usage.waiting}"
    return State.GOOD, " ".join(["answers.", *lines(usage)])
