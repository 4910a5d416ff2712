"""The embedded Discord's gateway: identify, heartbeat, resume, member chunks and the event stream.

https://discord.com/developers/docs/events/gateway
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from aiohttp import WSMessage, WSMsgType, web
from simcord.backend import serializers

from bot.demo.world import MESSAGE_CONTENT, Json, World

AUTHENTICATION_FAILED = 4004
HEARTBEAT_INTERVAL_MS = 41250
BACKLOG = 5000
"""Events kept for a resume."""


class Op(IntEnum):
    """Gateway opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    RESUME = 6
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


@dataclass
class Session:
    """One identified client: its numbered events, and how far they have been sent."""

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    seq: int = 0
    sent: int = 0
    backlog: deque[tuple[int, str]] = field(default_factory=lambda: deque[tuple[int, str]](maxlen=BACKLOG))
    pulse: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: str, payload: str) -> None:
        """Queue an event whose payload is JSON text."""
        self.seq += 1
        self.backlog.append((self.seq, f'{{"op":{Op.DISPATCH:d},"s":{self.seq},"t":"{event}","d":{payload}}}'))
        self.pulse.set()

    async def pump(self, socket: web.WebSocketResponse) -> None:
        """Send what has not been sent yet, for as long as the socket lives."""
        while True:
            self.pulse.clear()
            for seq, text in [entry for entry in self.backlog if entry[0] > self.sent]:
                await socket.send_str(text)
                self.sent = seq
            await self.pulse.wait()


class Gateway:
    """The websocket at `/gateway`; `token` is the only bot token that is let in."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self._sessions: dict[str, Session] = {}
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def connected(self) -> bool:
        """Whether a bot has identified and is connected."""
        return bool(self._sessions) and bool(self._sockets)

    def add_to(self, app: web.Application) -> None:
        """Register the route and the events' source."""
        app.router.add_get("/gateway", self.handle)
        self._world.listen(self._publish)
        app.on_shutdown.append(self._close)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self._sockets.add(socket)
        pump: asyncio.Task[None] | None = None
        try:
            await _send(socket, Op.HELLO, {"heartbeat_interval": HEARTBEAT_INTERVAL_MS})
            async for message in socket:
                session = await self._receive(socket, message)
                if session is not None:
                    pump = await _restart(pump, session, socket)
        finally:
            await _stop(pump)
            self._sockets.discard(socket)
        return socket

    async def _receive(self, socket: web.WebSocketResponse, message: WSMessage) -> Session | None:
        """Act on one frame; returns the session when the frame began or resumed one."""
        if message.type is not WSMsgType.TEXT:
            return None
        frame: Json = json.loads(message.data)
        match frame["op"]:
            case Op.HEARTBEAT:
                await _send(socket, Op.HEARTBEAT_ACK)
            case Op.IDENTIFY:
                return await self._identify(socket, frame["d"])
            case Op.RESUME:
                return await self._resume(socket, frame["d"])
            case Op.REQUEST_MEMBERS:
                self._send_members(frame["d"])
            case _:
                pass
        return None

    async def _identify(self, socket: web.WebSocketResponse, asked: Mapping[str, Any]) -> Session | None:
        if asked["token"].removeprefix("Bot ") != self._token:
            await socket.close(code=AUTHENTICATION_FAILED, message=b"Authentication failed.")
            return None
        self._world.tick()
        session = Session()
        self._sessions = {session.id: session}
        backend = self._world.backend
        ready = {
            "v": 10,
            "user": serializers.user_payload(backend.bot_user),
            "guilds": [{"id": str(self._world.guild_id), "unavailable": True}],
            "session_id": session.id,
            "resume_gateway_url": self._world.url.replace("http", "ws", 1) + "/gateway",
            "application": {"id": str(backend.application_id), "flags": MESSAGE_CONTENT},
        }
        guild = serializers.guild_create_payload(backend, backend.get_guild(self._world.guild_id))
        session.add("READY", self._world.dump(ready))
        session.add("GUILD_CREATE", self._world.dump(guild))
        self._world.touch()
        return session

    async def _resume(self, socket: web.WebSocketResponse, asked: Mapping[str, Any]) -> Session | None:
        session = self._sessions.get(asked["session_id"])
        if session is None or asked["token"].removeprefix("Bot ") != self._token:
            await _send(socket, Op.INVALID_SESSION, d=False)
            return None
        session.sent = asked["seq"]
        session.add("RESUMED", "{}")
        return session

    def _send_members(self, asked: Mapping[str, Any]) -> None:
        guild = self._world.backend.get_guild(self._world.guild_id)
        members = [serializers.member_payload(self._world.backend, guild, m) for m in guild.members.values()]
        chunk = {"guild_id": str(guild.id), "members": members, "chunk_index": 0, "chunk_count": 1}
        self._publish("GUILD_MEMBERS_CHUNK", self._world.dump({**chunk, "nonce": asked.get("nonce")}))

    def _publish(self, event: str, payload: str) -> None:
        for session in self._sessions.values():
            session.add(event, payload)

    async def _close(self, _: web.Application) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=1001)


async def _send(socket: web.WebSocketResponse, op: Op, d: object = None) -> None:
    await socket.send_json({"op": op, "d": d, "s": None, "t": None})


async def _restart(
    pump: asyncio.Task[None] | None, session: Session, socket: web.WebSocketResponse
) -> asyncio.Task[None]:
    await _stop(pump)
    return asyncio.create_task(session.pump(socket))


async def _stop(pump: asyncio.Task[None] | None) -> None:
    if pump is None:
        return
    pump.cancel()
    # A pump whose socket has gone ends with a connection error; the client resumes.
    with suppress(asyncio.CancelledError, ConnectionError):
        await pump
