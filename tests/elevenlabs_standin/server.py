"""The stand-in as a server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from aiohttp import web

from tests.elevenlabs_standin.conversation import Conversation
from tests.elevenlabs_standin.keys import Problem
from tests.elevenlabs_standin.rest import Rest, error
from tests.elevenlabs_standin.script import Step
from tests.elevenlabs_standin.spec import specification
from tests.elevenlabs_standin.state import Account

KEY = "sk_elevenlabs_tests_0123456789abcdef"
_TICKET = "ticket"


class ElevenLabsStandin:
    """One account with its conversations. `turns` are what the agent does about each next message, whichever the conversation."""

    def __init__(self) -> None:
        self.account = Account()
        self.problems: list[Problem] = []
        """What did not fit the public documents, of either side. What the client sent so was refused."""
        self.turns: deque[Sequence[Step]] = deque()
        self.openings: deque[Sequence[Step]] = deque()
        """What the server does as a conversation opens, one each; by default it greets with its metadata."""
        self.refusals: deque[int] = deque()
        """Statuses that signed URLs are refused with, one each."""
        self.conversations: list[Conversation] = []
        self.url = ""
        self.rest = Rest(self.account, KEY, self.problems)

    @property
    def heard(self) -> list[dict[str, Any]]:
        """Every frame of the client's, in all conversations."""
        return [frame for each in self.conversations for frame in each.heard]

    def said(self, kind: str) -> list[str]:
        """The texts of the client's frames of a type."""
        return [frame["text"] for frame in self.heard if frame.get("type") == kind]

    def results(self) -> list[dict[str, Any]]:
        """The client's results of tools."""
        return [frame for frame in self.heard if frame.get("type") == "client_tool_result"]

    @contextlib.asynccontextmanager
    async def running(
        self, add_to: Callable[[web.Application], None] | None = None
    ) -> AsyncGenerator[ElevenLabsStandin]:
        """Until left; `add_to` adds other routes of ElevenLabs."""
        app = web.Application(client_max_size=32 << 20)
        if add_to is not None:
            add_to(app)
        app.add_routes(self.rest.routes())
        app.router.add_get("/v1/convai/conversation/get-signed-url", self._sign)
        app.router.add_get("/v1/convai/conversation", self._converse)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            self.url = f"http://{host}:{port}"
            yield self
        finally:
            await asyncio.gather(*(each.cut() for each in self.conversations))
            await runner.cleanup()

    async def _sign(self, request: web.Request) -> web.Response:
        if request.headers.get("xi-api-key") != KEY:
            return error(401, "Invalid API key")
        if self.refusals:
            return error(self.refusals.popleft(), "not now")
        agent_id = request.query["agent_id"]
        if agent_id not in self.account.agents:
            return error(404, "Agent not found")
        address = self.url.replace("http", "ws", 1)
        body = {"signed_url": f"{address}/v1/convai/conversation?agent_id={agent_id}&conversation_signature={_TICKET}"}
        self.problems += specification().response("/v1/convai/conversation/get-signed-url get", body)
        return web.json_response(body)

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("conversation_signature") != _TICKET:
            return error(403, "Not signed")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        opening = self.openings.popleft() if self.openings else None
        agent = self.account.agents[request.query["agent_id"]]
        made = Conversation(len(self.conversations) + 1, socket, request, self.turns, agent, self.problems)
        self.conversations.append(made)
        await made.run(opening)
        return socket


def environ(standin: ElevenLabsStandin, **more: str) -> dict[str, str]:
    """The settings that lead to it."""
    return {"ELEVENLABS_API_KEY": KEY, "ELEVENLABS_BASE_URL": standin.url, **more}
