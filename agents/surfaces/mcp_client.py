"""The client at the other end of one call: what it is called, what it is told meanwhile, and its person's yes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import anyio
from mcp.server.session import ServerSession
from mcp.shared.context import RequestContext
from mcp.shared.exceptions import McpError

from agents.surfaces.options import sendable
from vps.errors import VpsError

ASKING_S = 170.0
"""For its person's yes: less than `Tool.invoke` has a call claimed for."""
HEARTBEAT_S = 15.0
"""Clients give up on what is silent for 60 s (the SDK's usual bound) unless it tells of progress."""
_TELLING_S = 2.0
_WAITING = 100
_NAME = 60
_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"confirm": {"type": "boolean", "title": "Do it?", "description": "Yes lets it be done, once."}},
    "required": ["confirm"],
}
_GONE = (anyio.ClosedResourceError, anyio.BrokenResourceError)


class NobodyAsked(VpsError):
    """The client put the question to nobody, or nobody answered: neither a yes nor a no."""


class Client:
    """Made of the request's context; what is sent goes to whoever made that request."""

    def __init__(self, context: RequestContext[ServerSession, str, Any], *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._session = context.session
        self._request = str(context.request_id)
        self._token = context.meta.progressToken if context.meta else None
        self._heartbeat_s = heartbeat_s
        self._lines: asyncio.Queue[str] = asyncio.Queue(_WAITING)
        self.call_id = f"{context.lifespan_context}/{self._request}"
        """JSON-RPC's ids are a session's own, so the session's goes before it: a request that comes twice is done once, and
        none is taken for one of another session."""

    @property
    def name(self) -> str:
        """As it called itself, in letters that format nothing."""
        given = self._session.client_params.clientInfo.name if self._session.client_params else ""
        return " ".join(re.sub(r"[^\w .:/()-]+", " ", given[: 4 * _NAME]).split())[:_NAME] or "a client"

    @property
    def confirm(self) -> Callable[[str], Awaitable[bool]] | None:
        """Asks its person, and raises NobodyAsked where none answers; None where it cannot show a form."""
        asks = self._session.client_params.capabilities.elicitation if self._session.client_params else None
        # Without a mode it means forms: modes came later (MCP 2025-11-25, client/elicitation).
        shows_forms = asks is not None and (asks.form is not None or asks.url is None)
        return self._confirm if shows_forms else None

    async def _confirm(self, question: str) -> bool:
        try:
            async with asyncio.timeout(ASKING_S):
                answer = await self._session.elicit_form(sendable(question), _FORM, related_request_id=self._request)
        except (TimeoutError, McpError, *_GONE) as error:
            raise NobodyAsked("Nobody answered the question.") from error
        if answer.action == "cancel":  # what Claude Code answers by itself without a terminal (2.1.197, measured)
            raise NobodyAsked("The question was answered neither with yes nor with no.")
        return answer.action == "accept" and (answer.content or {}).get("confirm") is True

    async def progress(self, text: str) -> None:
        """A line for it, where it wants to be told. One that does not read holds nothing up: what does not fit is left out."""
        if self._token is not None and not self._lines.full():
            self._lines.put_nowait(sendable(text))

    @contextlib.asynccontextmanager
    async def informed(self, doing: str) -> AsyncGenerator[None]:
        """While this lasts it is told what comes to `progress`, and every `heartbeat_s` that `doing` goes on."""
        if self._token is None:
            yield
            return
        telling = asyncio.create_task(self._tell(doing), name="progress")
        try:
            yield
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TELLING_S):
                    await self._lines.join()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self, doing: str) -> None:
        assert self._token is not None
        started, number = time.monotonic(), 0
        with contextlib.suppress(*_GONE):
            while True:
                text = await self._next()
                line = text or f"{doing}: {time.monotonic() - started:.0f} s so far"
                number += 1
                await self._session.send_progress_notification(
                    self._token, number, message=line, related_request_id=self._request
                )
                if text is not None:
                    self._lines.task_done()

    async def _next(self) -> str | None:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                return await self._lines.get()
        except TimeoutError:
            return None
