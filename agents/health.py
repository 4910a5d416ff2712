"""How a bot is: what it measures, when that is trouble, and how another process of this machine asks it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vps.errors import VpsError

SOCKET = "health.sock"
_ANSWER_S = 5.0


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Gateway(_Frozen):
    """The connection to Discord. `away_s` is 0 while there is one; `last_event_s` is long in a quiet guild."""

    connected: bool
    ever_connected: bool
    away_s: float
    latency_ms: float | None
    last_event_s: float | None


class Host(_Frozen):
    """The link to the VPS: for how long nothing was heard of it; 0 while it answers."""

    answers: bool
    silent_s: float


class Backlog(_Frozen):
    """What waits to be shown: in so many runs, so many messages, the oldest for so long."""

    runs: int
    blocks: int
    oldest_unsent_s: float


class Measured(_Frozen):
    """How things are, in numbers."""

    gateway: Gateway
    host: Host
    backlog: Backlog
    version: str


class Limits(_Frozen):
    """Seconds from which on a number is trouble: a reconnect of a few is none."""

    gateway_s: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    host_s: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    unsent_s: float = Field(default=300.0, ge=0, allow_inf_nan=False)


class Health(Measured):
    """The numbers, and what of them is trouble."""

    ok: bool
    problems: tuple[str, ...]


def judged(now: Measured, limits: Limits) -> Health:
    """What is trouble by these limits."""
    problems = tuple(_problems(now, limits))
    return Health(**dict(now), ok=not problems, problems=problems)


def _problems(now: Measured, limits: Limits) -> Generator[str]:
    if not now.gateway.ever_connected:
        yield "Not connected to Discord yet."
    elif not now.gateway.connected and now.gateway.away_s >= limits.gateway_s:
        yield f"Not connected to Discord for {now.gateway.away_s:.0f} s."
    if not now.host.answers and now.host.silent_s >= limits.host_s:
        yield f"The VPS has not answered for {now.host.silent_s:.0f} s."
    if now.backlog.blocks + now.backlog.runs and now.backlog.oldest_unsent_s >= limits.unsent_s:
        yield f"What agents wrote waits to be sent for {now.backlog.oldest_unsent_s:.0f} s."


async def ask(state: Path, limits: Limits) -> Health:
    """The health of the bot on a state directory, by these limits. Raises VpsError where none answers."""
    try:
        with reachable(state) as path:
            connector = aiohttp.UnixConnector(path)
            timeout = aiohttp.ClientTimeout(_ANSWER_S)
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.get("http://bot/health", params=limits.model_dump()) as answer,
            ):
                return Health.model_validate_json(await answer.read())
    except (aiohttp.ClientError, OSError) as error:
        remedy = "Start it with `agentflow bot`, or name its directory in AGENTFLOW_STATE_DIR."
        raise VpsError(f"No bot answers on {state}: {_reason(error)}.", remedy=remedy) from error
    except ValidationError as error:
        raise VpsError(f"What answers on {state} is no bot of this version.", remedy="Start the bot again.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing within {_ANSWER_S:.0f} s"
    return str(getattr(error, "strerror", "") or error).lower()


@contextlib.contextmanager
def reachable(state: Path) -> Generator[str]:
    """The path of a state directory's socket. It may have 107 bytes (unix(7)): a longer one leads through a descriptor."""
    path = state / SOCKET
    if len(os.fsencode(path)) <= 107:
        yield str(path)
        return
    directory = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{SOCKET}"
    finally:
        os.close(directory)
