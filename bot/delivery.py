"""Calls to Discord that are made until they succeed, and the ones that never can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp
import discord
import structlog

from bot import metrics
from vps.errors import VpsError

log = structlog.get_logger()
T = TypeVar("T")

_UNKNOWN_MESSAGE = 10008
_TOO_MANY = 429
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0


class ThreadGoneError(VpsError):
    """The thread or its channel was deleted."""


class MessageGoneError(VpsError):
    """The message was deleted."""


Refused = Callable[[str], Awaitable[None]]
"""Told once why Discord does not let the bot do something, in words for people."""


async def _nobody(_why: str) -> None:
    return None


async def insist(call: Callable[[], Awaitable[T]], refused: Refused = _nobody, *, patient: bool = True) -> T:
    """Repeat a call that Discord or the network failed, for as long as it takes; `refused` is told once that a right is missing.

    Where it is not `patient`, a missing right raises discord.Forbidden.
    Raises ThreadGoneError, MessageGoneError, or discord.HTTPException for what Discord will never take. discord.py retries 429
    and some 5xx itself, five times each, but neither a reset nor a refused connection (measured).
    """
    wait, told = _FIRST_WAIT_S, False
    while True:
        try:
            return await call()
        except discord.NotFound as error:
            raise _gone(error) from error
        except discord.Forbidden as error:
            if not patient:
                raise
            if not told:
                told = True
                await refused(error.text)
            trouble: Exception = error
        except (discord.DiscordServerError, discord.RateLimited, aiohttp.ClientError, OSError, TimeoutError) as error:
            trouble = error
        except discord.HTTPException as error:
            if error.status != _TOO_MANY:
                raise
            trouble = error
        metrics.FAILURES.labels(_kind(trouble)).inc()
        await log.awarning("discord failed", error=str(trouble), again_in_s=wait)
        await asyncio.sleep(max(wait, trouble.retry_after) if isinstance(trouble, discord.RateLimited) else wait)
        wait = min(wait * 2, _LONGEST_WAIT_S)


def _kind(trouble: Exception) -> str:
    if isinstance(trouble, discord.Forbidden):
        return "forbidden"
    if isinstance(trouble, discord.RateLimited) or getattr(trouble, "status", None) == _TOO_MANY:
        return "rate_limited"
    return "server" if isinstance(trouble, discord.DiscordServerError) else "connection"


def _gone(error: discord.NotFound) -> VpsError:
    if error.code == _UNKNOWN_MESSAGE:
        return MessageGoneError(f"Discord refused: {error.text}.")
    remedy = "The run goes on; /output and /status show it."
    return ThreadGoneError(f"Discord refused: {error.text}.", remedy=remedy)
