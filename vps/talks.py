"""Conversations at the gateway: the way of one turn to the model. See vps.host.talks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from vps import models
from vps.errors import VpsError
from vps.relay import Relay

_BEGIN_S, _END_S = 30.0, 10.0


def new_name() -> str:
    """A conversation's name at the gateway: like a run's, and told from one."""
    return models.new_name(round(time.time() * 1000), "talk")


@asynccontextmanager
async def admitted(relay: Relay, name: str, person: str, budget_usd: float) -> AsyncGenerator[str]:
    """The path of a conversation's socket on the host, for the length of a turn that `person` pays for.

    `budget_usd` is for all its turns together. Raises BadInput where the gateway has no API key, or HostError.
    """
    request = {"name": name, "person": person, "budget_usd": budget_usd}
    try:
        answer = await relay.ask("talk-begin", request, timeout=_BEGIN_S)
        yield str(answer["socket"])
    finally:
        # A lost host is asked by the next bot that starts.
        with contextlib.suppress(VpsError):
            await asyncio.shield(relay.ask("talk-end", {"name": name}, timeout=_END_S))


async def clear(relay: Relay) -> None:
    """End those that a bot before this one left."""
    await relay.ask("talk-clear")
