"""MCP over streamable HTTP (MCP 2025-11-25, basic/transports) on a loopback address, for whoever has the token."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import logging
import socket
from collections.abc import Generator
from typing import Any

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from agents.config import Address
from vps.errors import BadInput, VpsError

PATH = "/mcp"
_SESSIONS = 32
_IDLE_S = 1800.0
_CONNECTIONS = 256
_ENDING_S = 3
_NAMES = ("127.0.0.1", "localhost", "[::1]")


def listen(address: Address) -> socket.socket:
    """A socket there. Raises BadInput for an address that others reach, VpsError where it cannot be had."""
    host = "127.0.0.1" if address.host == "localhost" else address.host
    if not _is_loopback(host):
        remedy = (
            "Without TLS everybody on the way would read the token: name 127.0.0.1, and put a proxy with TLS in front of it or "
            f"reach it by `ssh -L {address.port}:127.0.0.1:{address.port}`."
        )
        raise BadInput("http", f"{address.host} is no loopback address.", remedy=remedy)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, address.port), family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise VpsError(f"Cannot listen on {host}:{address.port}: {reason}.", remedy="Name another port.") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def serve(
    server: Server[Any, Any],
    listening: socket.socket,
    token: SecretStr,
    stop: asyncio.Event,
    *,
    idle_s: float = _IDLE_S,
) -> None:
    """Serve at `PATH` until `stop` is set; sessions and the calls in them are ended then.

    A session ends, too, once nothing of it was under way for `idle_s`: no request, no stream.
    """
    logging.getLogger("mcp.server.streamable_http").addFilter(_is_news)
    names = [f"{name}:*" for name in _NAMES]
    security = TransportSecuritySettings(
        allowed_hosts=[*_NAMES, *names], allowed_origins=[f"http://{name}" for name in (*_NAMES, *names)]
    )
    sessions = StreamableHTTPSessionManager(
        server, security_settings=security, session_idle_timeout=idle_s, max_sessions=_SESSIONS
    )
    http = _Server(_config(_Door(sessions, token)))
    serving: asyncio.Task[None] | None = None
    try:
        async with sessions.run():
            serving = asyncio.create_task(http.serve([listening]), name="http")
            stopped = asyncio.create_task(stop.wait(), name="mcp stops")
            await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
    finally:
        # After the sessions: their streams are open for as long as those are.
        http.should_exit = True
        if serving is not None:
            await serving
        listening.close()


def _is_news(record: logging.LogRecord) -> bool:
    """The SDK (1.30) logs a stream that ends with its session as an error with its trace."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, anyio.ClosedResourceError)


def _config(door: _Door) -> uvicorn.Config:
    return uvicorn.Config(
        door,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_ENDING_S,
    )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the verb's: uvicorn would raise them once more after it ended."""
        yield


class _Door:
    """Lets in who has the token. Nothing of a request's body is read before that."""

    def __init__(self, sessions: StreamableHTTPSessionManager, token: SecretStr) -> None:
        self._sessions = sessions
        self._wanted = _digest(token.get_secret_value().encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = self._refusal(scope)
        await (answer(scope, receive, send) if answer else self._sessions.handle_request(scope, receive, send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        if scope["path"] != PATH:
            return PlainTextResponse(f"Only {PATH} is served here.\n", 404)
        given = Headers(scope=scope).getlist("authorization")
        if len(given) == 1 and self._opens(given[0]):
            return None
        why = ', error="invalid_token"' if given else ""  # RFC 6750, 3: no error where none was given
        text = "Send the server's AGENTFLOW_MCP_TOKEN as `Authorization: Bearer …`.\n"
        return PlainTextResponse(text, 401, {"www-authenticate": f'Bearer realm="agentflow"{why}'})

    def _opens(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        # Digests, whose length tells nothing of the token's.
        return scheme.lower() == "bearer" and hmac.compare_digest(_digest(token.strip().encode()), self._wanted)


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
