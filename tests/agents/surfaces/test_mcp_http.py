"""`agentflow mcp --http`: who gets in, and the SDK's own client over the wire."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import httpx
import pytest

from agents.config import Address
from agents.surfaces.mcp_http import listen
from tests.agents.conftest import Station
from tests.agents.surfaces.mcp_parties import (
    BEARER,
    TOKEN,
    WITHIN_S,
    answering,
    client,
    over_http,
    post,
    text,
)
from vps.errors import BadInput, VpsError
from vps.testing.ports import free_port

NOBODY = "claude-agent-1795300000000-a1b2c3"


async def test_only_who_has_the_token_and_names_loopback_gets_in(station: Station) -> None:
    async with over_http(station) as (url, process):
        for wrong in (
            {},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": f"Bearer {TOKEN[:-1]}"},
            {"Authorization": TOKEN},
            {"Authorization": f"Basic {TOKEN}"},
            {"Authorization": "Bearer"},
        ):
            refused = await post(url, given=wrong)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith('Bearer realm="agentflow"')
            assert ("invalid_token" in refused.headers["www-authenticate"]) is bool(wrong)
        assert (await post(url, more={"Host": "evil.example:8765"})).status_code == 421
        assert (await post(url, more={"Origin": "http://evil.example"})).status_code == 403
        assert (await post(url.removesuffix("/mcp"))).status_code == 404
        assert (await post(url, more={"Mcp-Session-Id": "0" * 32})).status_code == 404
        let_in = await post(url, more={"Host": "localhost:9999", "Origin": "http://localhost:9999"})
        assert let_in.status_code == 200
        assert let_in.headers["mcp-session-id"]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate()
    assert (process.returncode, out) == (0, b"")
    assert TOKEN not in err.decode()


async def test_a_signal_ends_it_with_its_open_streams_and_without_a_word(station: Station) -> None:
    async with over_http(station) as (url, process), httpx.AsyncClient(trust_env=False, timeout=WITHIN_S) as http:
        session = (await post(url)).headers["mcp-session-id"]
        headers = BEARER | {"Accept": "text/event-stream", "Mcp-Session-Id": session}
        async with http.stream("GET", url, headers=headers) as stream, asyncio.timeout(WITHIN_S):
            assert stream.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert await stream.aread() == b""
            assert await process.communicate() == (b"", b"")
    assert process.returncode == 0


async def test_sessions_are_bounded(station: Station) -> None:
    async with over_http(station) as (url, _):
        codes = [(await post(url)).status_code for _ in range(33)]
    assert codes == [200] * 32 + [503]


async def test_an_agent_drives_it_and_its_person_is_asked(station: Station) -> None:
    stored = await station.agentflow("secret", "set", "NPM_TOKEN", stdin=b"npm_0123456789abcdef")
    assert stored.code == 0, stored.err
    questions: list[str] = []
    async with over_http(station) as (url, _):
        async with client(url, elicitation=answering("decline", questions)) as session:
            assert text(await session.call_tool("list_claude_agents")) == "No agents."
            assert "Not confirmed" in text(await session.call_tool("remove_secret", {"name": "NPM_TOKEN"}))
        async with client(url) as session:
            assert "agentflow confirm" in text(await session.call_tool("remove_secret", {"name": "NPM_TOKEN"}))
            assert "NPM_TOKEN" in text(await session.call_tool("list_secrets"))
            refused = await session.call_tool("get_claude_output", {"container_id": NOBODY, "lines": "many"})
            assert refused.isError
            assert text(refused).startswith("lines: ")
        async with client(url, elicitation=answering("accept", questions, confirm=True)) as session:
            assert not (await session.call_tool("remove_secret", {"name": "NPM_TOKEN"})).isError
            assert "NPM_TOKEN" not in text(await session.call_tool("list_secrets"))
    assert len(questions) == 2
    assert "name: NPM_TOKEN" in questions[0]


@pytest.fixture
async def taken() -> AsyncIterator[int]:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_it_listens_on_loopback_alone_and_says_what_else_to_do(station: Station, taken: int) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "vps.example"):
        with pytest.raises(BadInput, match="is no loopback address") as refused:
            listen(Address(host, 8765))
        assert "ssh -L 8765:127.0.0.1:8765" in refused.value.remedy
    for host in ("127.0.0.1", "localhost", "::1"):
        listen(Address(host, free_port())).close()
    with pytest.raises(VpsError, match="address already in use"):
        listen(Address("127.0.0.1", taken))
    for argument, token, said in (
        ("127.0.0.1:0", TOKEN, "http: not HOST:PORT"),
        ("8765", "", "AGENTFLOW_MCP_TOKEN is not set"),
    ):
        done = await station.agentflow("mcp", "--http", argument, AGENTFLOW_MCP_TOKEN=token)
        assert (done.code, said in done.err) == (2, True), done.err
