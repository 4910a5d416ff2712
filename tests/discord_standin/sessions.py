"""What the gateway keeps per session: numbered events for replay, and the connection they go to.

Protocol: https://discord.com/developers/docs/events/gateway
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
import zlib
from collections import deque
from dataclasses import dataclass, field

from aiohttp import web

from .wire import Json

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11

GUILDS, GUILD_MEMBERS, GUILD_PRESENCES, GUILD_MESSAGES, GUILD_REACTIONS, DIRECT_MESSAGES, MESSAGE_CONTENT = (
    1 << bit for bit in (0, 1, 8, 9, 10, 12, 15)
)
_INTENT_OF_PREFIX = {
    "GUILD_MEMBER": GUILD_MEMBERS,
    "GUILD_": GUILDS,
    "CHANNEL_": GUILDS,
    "THREAD_": GUILDS,
    "MESSAGE_REACTION": GUILD_REACTIONS,
    "MESSAGE_": GUILD_MESSAGES,
}


def required_intent(event: str, data: Json) -> int:
    """The intent without which the event is not sent; 0 for events that everyone gets. Only what happens in a guild names one."""
    if event.startswith("MESSAGE_") and "guild_id" not in data:
        return DIRECT_MESSAGES
    return next((intent for prefix, intent in _INTENT_OF_PREFIX.items() if event.startswith(prefix)), 0)


@dataclass(eq=False)
class Connection:
    """One websocket. Payloads are queued, so that a dispatch never waits for the client to read."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    compressed: bool
    _received: deque[float] = field(default_factory=deque[float])
    _queue: asyncio.Queue[str] = field(default_factory=asyncio.Queue[str])

    def count_received(self) -> int:
        """Counts one payload of the client and returns how many came within the last minute."""
        now = time.monotonic()
        self._received.append(now)
        while self._received[0] < now - 60:
            self._received.popleft()
        return len(self._received)

    def send(self, payload: Json) -> None:
        self._queue.put_nowait(json.dumps(payload))

    async def write(self) -> None:
        """Sends what is queued, one payload after the other, until the connection ends."""
        deflate = zlib.compressobj()
        while True:
            text = await self._queue.get()
            if self.compressed:
                packed = deflate.compress(text.encode()) + deflate.flush(zlib.Z_SYNC_FLUSH)
                await self.socket.send_bytes(packed)
            else:
                await self.socket.send_str(text)
            self._queue.task_done()

    async def flush(self) -> None:
        """Waits until everything queued so far was written, at most a second: the peer may be gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._queue.join()


@dataclass(eq=False)
class Session:
    """A gateway session; it outlives its connections."""

    bot_id: str
    intents: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    events: list[Json] = field(default_factory=list[Json], repr=False)
    connection: Connection | None = None

    def dispatch(self, event: str, data: Json) -> None:
        """Numbers the event, keeps it for replay, and sends it when the client is there."""
        intent = required_intent(event, data)
        if intent and not self.intents & intent:
            return
        payload: Json = {"op": DISPATCH, "t": event, "s": len(self.events) + 1, "d": self._visible(event, data)}
        self.events.append(payload)
        if self.connection:
            self.connection.send(payload)

    def replay(self, after: int) -> None:
        """Sends again what came after sequence number `after`."""
        assert self.connection
        for payload in self.events[after:]:
            self.connection.send(payload)

    def _visible(self, event: str, data: Json) -> Json:
        is_shown = self.intents & MESSAGE_CONTENT or "guild_id" not in data
        if event not in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} or is_shown:
            return data
        return without_content(data, self.bot_id)


def without_content(message: Json, bot_id: str) -> Json:
    """A message as the gateway and the API show it where the message content intent is missing: empty, unless it is the bot's or
    mentions it (https://discord.com/developers/docs/events/gateway#message-content-intent)."""
    addressed = any(user["id"] == bot_id for user in message["mentions"])
    if addressed or message["author"]["id"] == bot_id:
        return message
    return {**message, "content": "", "embeds": [], "attachments": [], "components": []}
