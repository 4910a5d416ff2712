"""Tools that do what tests of MCP need, on a real host, and the SDK's client connected to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from mcp import ClientSession, types
from mcp.client.session import ElicitationFnT
from mcp.shared.memory import create_connected_server_and_client_session
from pydantic import SecretStr

from agents.config import Address
from agents.crew import Crew
from agents.rights import EVERYTHING, Right
from agents.surfaces import mcp_http
from agents.surfaces.mcp_host import Host
from agents.surfaces.mcp_server import Projection
from agents.tools.audit import TOOLS as AUDIT
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.stakes import Stake, always
from tests.agents.conftest import KEY
from tests.agents.surfaces.mcp_parties import TOKEN, WITHIN_S, client
from vps.errors import BadInput
from vps.testing.ports import free_port

AGENT = types.Implementation(name="an `agent`\n@everyone " + "x" * 300, version="1")


class Word(Input):
    word: str = "nothing"


class Said(Output):
    said: str

    def summary(self) -> str:
        return self.said


@dataclass
class Bench:
    """Tools that do what the tests need, on a real host."""

    host: Host
    done: list[str] = field(default_factory=list[str])
    calls: list[Call] = field(default_factory=list[Call])
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cleaned: asyncio.Event = field(default_factory=asyncio.Event)
    seen_alive: asyncio.Event = field(default_factory=asyncio.Event)
    """What `tell` waits for."""

    def __post_init__(self) -> None:
        self.seen_alive.set()

    @contextlib.asynccontextmanager
    async def session(
        self, *, rights: frozenset[Right] = EVERYTHING, elicitation: ElicitationFnT | None = None
    ) -> AsyncGenerator[ClientSession]:
        """The SDK's client, connected within this process."""
        server = self._projection(rights).server()
        made = create_connected_server_and_client_session(server, client_info=AGENT, elicitation_callback=elicitation)
        async with asyncio.timeout(WITHIN_S), made as session:
            yield session

    @contextlib.asynccontextmanager
    async def over_http(self, *, idle_s: float) -> AsyncGenerator[tuple[str, ClientSession]]:
        """The same over the wire, with its address."""
        port, stop = free_port(), asyncio.Event()
        server, listening = self._projection(EVERYTHING).server(), mcp_http.listen(Address("127.0.0.1", port))
        serving = asyncio.create_task(mcp_http.serve(server, listening, SecretStr(TOKEN), stop, idle_s=idle_s))
        url = f"http://127.0.0.1:{port}{mcp_http.PATH}"
        try:
            async with asyncio.timeout(WITHIN_S), client(url) as session:
                yield url, session
        finally:
            stop.set()
            async with asyncio.timeout(WITHIN_S):
                await serving

    def _projection(self, rights: frozenset[Right]) -> Projection:
        tools = (
            tool("tell", self._tell),
            tool("fail", self._fail),
            tool("hang", self._hang),
            tool("odd", self._odd),
            tool("drop", self._drop, right=Right.MANAGE, stakes=always(Stake.DELETES)),
            *AUDIT,
        )
        return Projection(self.host, tools, rights, "somebody", heartbeat_s=0.2)

    async def _tell(self, _crew: Crew, given: Word, call: Call) -> Said:
        self.calls.append(call)
        await call.progress(f"first {KEY}")
        await call.progress("second")
        await self.seen_alive.wait()
        await call.progress("last")
        return Said(said=given.word)

    async def _fail(self, _crew: Crew, _given: Word, _call: Call) -> Said:
        raise RuntimeError(f"it broke over {KEY}")

    async def _odd(self, _crew: Crew, given: Word, call: Call) -> Said:
        await call.progress("a\udcffb")
        if given.word == "wrong":
            raise BadInput("word", "a\udcffb")
        return Said(said="a\udcffb")

    async def _hang(self, _crew: Crew, _given: Word, _call: Call) -> Said:
        try:
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0.01)
            self.cleaned.set()
        raise AssertionError

    async def _drop(self, _crew: Crew, given: Word, _call: Call) -> Said:
        self.done.append(given.word)
        return Said(said=f"{given.word} dropped")


def tool(name: str, handler: Callable[[Crew, Word, Call], Awaitable[Said]], **more: Any) -> Tool[Word, Said]:
    more = {"right": Right.VIEW} | more
    return Tool(name=name, verb=name, description=f"To {name}", input=Word, output=Said, handler=handler, **more)
