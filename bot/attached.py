"""What people attach to messages and commands, fetched from Discord one after the other, never more than may be passed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import structlog

from agents.attachments import Attachment, Room

log = structlog.get_logger()

_CHUNK = 1 << 16
_TRIES, _FIRST_WAIT_S = 5, 0.5
_PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=30)
_AGAIN = (408, 425, 429)
_GONE = "is not to be had from Discord any more. Attach it again."
_LONGER = "is larger than Discord says. Attach it again."
_FAILED = "did not come from Discord, which has trouble. Attach it again later."


class _Trouble(Exception):
    """It may come if it is asked for again."""


class _Lost(Exception):
    """It will not; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that Discord has, `size` bytes by its own account."""

    id: int
    filename: str
    size: int
    url: str


def offered(attachment: discord.Attachment) -> Offered:
    """What has to be known of it to fetch it."""
    return Offered(attachment.id, attachment.filename, attachment.size, attachment.url)


def attached(message: discord.Message) -> tuple[Offered, ...]:
    """The message's, and those of a message forwarded with it."""
    return tuple(offered(each) for part in (message, *message.message_snapshots) for each in part.attachments)


def apart(given: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Offered, ...]]:
    """A command's parameters as they were typed, and the files that go with it."""
    return {name: value for name, value in given.items() if name != "files"}, tuple(given.get("files", ()))


async def fetched(wanted: Sequence[Offered], most_bytes: int) -> tuple[Attachment, ...]:
    """All of them; one that is too large, or cannot be had, without its content."""
    found, room = list[Attachment](), Room(most_bytes)
    async with aiohttp.ClientSession(timeout=_PATIENCE, trust_env=True) as session:
        for each in wanted:
            why_not = room.why_not(each.size)
            found.append(Attachment(name=each.filename, missing=why_not) if why_not else await _fetch(session, each))
    return tuple(found)


async def _fetch(session: aiohttp.ClientSession, wanted: Offered) -> Attachment:
    """An address is good for a day; one that Discord told just now is not over."""
    for attempt in range(_TRIES):
        try:
            return Attachment(name=wanted.filename, content=await _read(session, wanted))
        except _Lost as lost:
            return Attachment(name=wanted.filename, missing=str(lost))
        except (_Trouble, aiohttp.ClientError, OSError, TimeoutError) as error:
            await log.awarning("attachment not fetched", attachment=wanted.id, error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(_FIRST_WAIT_S * 2**attempt)
    return Attachment(name=wanted.filename, missing=_FAILED)


async def _read(session: aiohttp.ClientSession, wanted: Offered) -> bytes:
    """What it holds, as much as it was said to at most."""
    async with session.get(wanted.url) as answer:
        if answer.status >= 500 or answer.status in _AGAIN:
            raise _Trouble(answer.status)
        if answer.status != 200:
            raise _Lost(_GONE)
        return b"".join([part async for part in _bounded(answer, wanted.size)])


async def _bounded(answer: aiohttp.ClientResponse, most: int) -> AsyncGenerator[bytes]:
    async for part in answer.content.iter_chunked(_CHUNK):
        most -= len(part)
        if most < 0:
            raise _Lost(_LONGER)
        yield part


def told(refused: Sequence[str]) -> str:
    """What is said of those that did not go with the message."""
    return "\n".join(f"📎 Not passed on: {each}" for each in refused)
