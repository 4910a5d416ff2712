"""`agentflow mcp` as a process, and the SDK's own client talking to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx
from mcp import ClientSession, types
from mcp.client.session import ElicitationFnT
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.context import RequestContext

from tests.agents.conftest import REPOSITORY, Station
from vps.testing.ports import free_port

TOKEN = "a-token-of-the-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
WITHIN_S = 60.0
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "raw `lines`\n@here", "version": "0"},
}


def environ(station: Station) -> dict[str, str]:
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(station.root.parent)}
    return own | station.environ | {"AGENTFLOW_MCP_TOKEN": TOKEN}


def argv(*options: str) -> list[str]:
    return [sys.executable, "-m", "bot", "mcp", *options]


@contextlib.asynccontextmanager
async def started(station: Station, *options: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The process with pipes; ended with the test."""
    process = await asyncio.create_subprocess_exec(
        *argv(*options),
        cwd=station.root.parent,
        env=environ(station),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=4 << 20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def over_http(station: Station, *options: str) -> AsyncGenerator[tuple[str, asyncio.subprocess.Process]]:
    """Its address and the process, once it listens."""
    async with started(station, "--http", str(free_port()), *options) as process:
        assert process.stderr is not None
        async with asyncio.timeout(WITHIN_S):
            said = (await process.stderr.readline()).decode()
        assert said.startswith("MCP at http://127.0.0.1:"), said
        yield said.split()[-1], process


@contextlib.asynccontextmanager
async def client(
    url: str, *, token: str = TOKEN, elicitation: ElicitationFnT | None = None
) -> AsyncGenerator[ClientSession]:
    """A session over HTTP, initialized."""
    async with (
        httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=WITHIN_S, trust_env=False) as http,
        streamable_http_client(url, http_client=http) as (given, said, _),
        ClientSession(given, said, elicitation_callback=elicitation) as session,
    ):
        await session.initialize()
        yield session


def answering(action: str, questions: list[str], **content: Any) -> ElicitationFnT:
    """A person who answers every form so."""

    async def answered(
        context: RequestContext[ClientSession, Any], params: types.ElicitRequestParams
    ) -> types.ElicitResult:
        questions.append(params.message)
        return types.ElicitResult.model_validate({"action": action, "content": content or None})

    return answered


def text(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


async def post(
    url: str, method: str = "initialize", more: Mapping[str, str] | None = None, given: Mapping[str, str] = BEARER
) -> httpx.Response:
    """The answer to one request by itself, with `given` as credential and further headers."""
    request = {"jsonrpc": "2.0", "id": 0, "method": method, "params": HELLO if method == "initialize" else {}}
    headers = {"Accept": "application/json, text/event-stream", **given, **(more or {})}
    async with httpx.AsyncClient(trust_env=False, timeout=WITHIN_S) as http:
        return await http.post(url, json=request, headers=headers)
