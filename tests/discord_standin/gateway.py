"""The websocket gateway: HELLO, IDENTIFY, READY, heartbeats, RESUME with replay, and its failures on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from .connections import reset
from .guild import guild_create
from .sessions import (
    GUILD_MEMBERS,
    GUILD_PRESENCES,
    HEARTBEAT,
    HEARTBEAT_ACK,
    HELLO,
    IDENTIFY,
    INVALID_SESSION,
    MESSAGE_CONTENT,
    RECONNECT,
    RESUME,
    Connection,
    Session,
)
from .state import World
from .wire import Json

UNKNOWN_OP, DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED = 4001, 4002, 4003, 4004, 4005
RATE_LIMITED, DISALLOWED_INTENTS = 4008, 4014
MAX_EVENTS = 120
"""What a client may send per minute besides heartbeats; a connection that sends more is closed with 4008."""


class Gateway:
    """Sessions and connections of the bot. `heartbeat_interval` is in seconds."""

    def __init__(self, world: World, token: str, url: str, granted_intents: int) -> None:
        self.world, self.token, self.url = world, token, url
        self.granted_intents = granted_intents
        """Which privileged intents the application has: GUILD_MEMBERS, GUILD_PRESENCES, MESSAGE_CONTENT."""
        self.heartbeat_interval = 41.25
        self.ack_heartbeats = True
        self.refusals = 0
        """How many of the next connection attempts are answered with 503."""
        self.identifies = self.resumes = self.heartbeats = 0
        self.sessions: dict[str, Session] = {}
        self._connections: set[Connection] = set()

    @property
    def connected(self) -> bool:
        """Whether a client is identified or resumed now."""
        return any(session.connection for session in self.sessions.values())

    def dispatch(self, event: str, data: Json) -> None:
        for session in self.sessions.values():
            session.dispatch(event, data)

    # -- failures -----------------------------------------------------------------------------------------------

    async def close(self, code: int) -> None:
        """Closes every connection with a code, after what was already dispatched."""
        for connection in list(self._connections):
            await connection.flush()
            await connection.socket.close(code=code)

    def drop(self) -> None:
        """Resets every TCP connection, without a close frame."""
        for connection in list(self._connections):
            reset(connection.transport)

    def ask_to_reconnect(self) -> None:
        """Sends op 7."""
        self._send_all({"op": RECONNECT, "d": None})

    def invalidate(self, *, resumable: bool = False) -> None:
        """Sends op 9; the sessions are gone unless they stay resumable."""
        if not resumable:
            self.forget_sessions()
        self._send_all({"op": INVALID_SESSION, "d": resumable})

    def forget_sessions(self) -> None:
        """Makes the next RESUME fail with an invalid session."""
        self.sessions.clear()

    def _send_all(self, payload: Json) -> None:
        for connection in self._connections:
            connection.send(payload)

    # -- the protocol -------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(timeout=0.2, max_msg_size=1 << 16)
        await socket.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        connection = Connection(socket, request.transport, request.query.get("compress") == "zlib-stream")
        self._connections.add(connection)
        writer = asyncio.create_task(connection.write())
        try:
            await self._serve(connection)
        finally:
            self._detach(connection)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
        return socket

    async def _serve(self, connection: Connection) -> None:
        connection.send({"op": HELLO, "d": {"heartbeat_interval": round(self.heartbeat_interval * 1000)}})
        async for frame in connection.socket:
            if (code := self._receive_frame(connection, frame)) is not None:
                await connection.flush()
                await connection.socket.close(code=code)

    def _receive_frame(self, connection: Connection, frame: WSMessage) -> int | None:
        """Takes JSON in a text or a binary frame; clients use either."""
        if frame.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return DECODE_ERROR
        try:
            payload: Json = json.loads(frame.data)
        except ValueError:
            return DECODE_ERROR
        return self._receive(connection, payload)

    def _receive(self, connection: Connection, payload: Json) -> int | None:
        """Handles one payload of the client. Returns the code to close with, if any."""
        data: Any = payload.get("d")
        if payload["op"] != HEARTBEAT and connection.count_received() > MAX_EVENTS:
            return RATE_LIMITED
        match payload["op"]:
            case op if op == HEARTBEAT:
                self._heartbeat(connection)
            case op if op == IDENTIFY:
                return self._identify(connection, data)
            case op if op == RESUME:
                return self._resume(connection, data)
            case _ if not self._session_of(connection):
                return NOT_AUTHENTICATED
            case _:
                pass
        return None

    def _heartbeat(self, connection: Connection) -> None:
        self.heartbeats += 1
        if self.ack_heartbeats:
            connection.send({"op": HEARTBEAT_ACK})
        self.world.changes.notify()

    def _identify(self, connection: Connection, data: Json) -> int | None:
        self.identifies += 1
        intents = int(data["intents"])
        privileged = intents & (GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT)
        if self._session_of(connection):
            return ALREADY_AUTHENTICATED
        if data["token"] != self.token:
            return AUTHENTICATION_FAILED
        if privileged & ~self.granted_intents:
            return DISALLOWED_INTENTS
        session = Session(str(self.world.bot.id), intents, connection=connection)
        self.sessions[session.id] = session
        session.dispatch("READY", self._ready(session))
        session.dispatch("GUILD_CREATE", self._guild(session))
        self.world.changes.notify()
        return None

    def _resume(self, connection: Connection, data: Json) -> int | None:
        self.resumes += 1
        if data["token"] != self.token:
            return AUTHENTICATION_FAILED
        session = self.sessions.get(data["session_id"])
        if session is None or data["seq"] > len(session.events):
            connection.send({"op": INVALID_SESSION, "d": False})
            return None
        session.connection = connection
        session.replay(data["seq"])
        session.dispatch("RESUMED", {})
        self.world.changes.notify()
        return None

    def _ready(self, session: Session) -> Json:
        return {
            "v": 10,
            "user": {**self.world.bot.json(), "mfa_enabled": False, "verified": True, "email": None},
            "guilds": [{"id": str(self.world.guild_id), "unavailable": True}],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "application": {"id": str(self.world.application_id), "flags": application_flags(self.granted_intents)},
            "private_channels": [],
            "relationships": [],
        }

    def _guild(self, session: Session) -> Json:
        """GUILD_CREATE; without the members intent it names the bot alone."""
        guild = guild_create(self.world)
        if not session.intents & GUILD_MEMBERS:
            guild["members"] = [self.world.members[self.world.bot.id].json()]
        return guild

    def _session_of(self, connection: Connection) -> Session | None:
        return next((each for each in self.sessions.values() if each.connection is connection), None)

    def _detach(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if session := self._session_of(connection):
            session.connection = None
        self.world.changes.notify()


def application_flags(granted_intents: int) -> int:
    """The `flags` of an application that may use these privileged intents in fewer than 100 guilds."""
    limited = {GUILD_PRESENCES: 1 << 13, GUILD_MEMBERS: 1 << 15, MESSAGE_CONTENT: 1 << 19}
    return sum(flag for intent, flag in limited.items() if granted_intents & intent)
