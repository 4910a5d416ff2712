"""`agentflow mcp` over stdio, as raw lines: what is on stdout is the protocol, and nothing else."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from agents.surfaces.options import for_models
from agents.tools.catalogue import TOOLS
from tests.agents.conftest import KEY, Station
from tests.agents.surfaces.mcp_parties import HELLO, WITHIN_S, argv, environ, started, text

LISTED = {tool.name for tool in for_models(TOOLS)}


def line(method: str, number: int | None = None, **params: Any) -> bytes:
    request = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})
    return json.dumps(request).encode() + b"\n"


def opening() -> bytes:
    return line("initialize", 0, **HELLO) + line("notifications/initialized")


async def said(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(WITHIN_S):
        return json.loads(await process.stdout.readline())


async def put(process: Process, data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    await process.stdin.drain()


async def test_what_is_piped_in_is_answered_before_it_ends(station: Station) -> None:
    lines = [
        opening(),
        line("tools/list", 1),
        b"{not json\n",
        b"\n",
        b'["no", "message"]\n',
        b'{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"' + b"x" * (5 << 20) + b'"}}\n',
        line("tools/call", 2, name="confirm_call", arguments={"code": "abcde-23456"}),
        line("tools/call", 3, name="list_claude_agents"),
        line("dance", 4),
    ]
    async with started(station) as process, asyncio.timeout(WITHIN_S):
        out, err = await process.communicate(b"".join(lines))
    found = [json.loads(each) for each in out.splitlines()]
    by_id = {each["id"]: each for each in found if each.get("id") is not None}
    assert process.returncode == 0
    assert KEY not in out.decode() + err.decode()
    assert by_id[0]["result"]["serverInfo"]["name"] == "agentflow"
    assert {tool["name"] for tool in by_id[1]["result"]["tools"]} == LISTED
    assert [each["error"]["code"] for each in found if each.get("id") is None] == [-32700, -32600, -32600]
    assert by_id[2]["result"]["isError"]
    assert by_id[3]["result"]["structuredContent"] == {"agents": []}
    assert by_id[4]["error"]
    assert len(found) == 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_while_the_client_is_silent_and_a_call_waits(
    station: Station, number: signal.Signals
) -> None:
    async with started(station) as process:
        await put(process, opening() + line("tools/list", 1))
        assert [(await said(process))["id"] for _ in range(2)] == [0, 1]
        wait = {"container_id": "claude-agent-1795300000000-a1b2c3", "timeout": "10m"}
        await put(process, line("tools/call", 2, name="wait_for_claude_agent", arguments=wait))
        process.send_signal(number)
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            rest = await process.stdout.read()
            assert await process.wait() == 0
    assert all(json.loads(each)["jsonrpc"] == "2.0" for each in rest.splitlines())


async def test_the_end_of_its_client_is_its_own(station: Station) -> None:
    async with started(station) as process:
        await put(process, opening())
        await said(process)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(WITHIN_S):
            assert await process.wait() == 0


async def test_wrong_settings_end_it_at_once_and_no_env_file_is_taken_from_where_it_starts(
    station: Station, place: Path
) -> None:
    kept = station.environ.pop("HETZNER_SERVER_IP")
    (place / ".env").write_text("HETZNER_SERVER_IP=192.0.2.1\n")
    done = await station.agentflow("mcp")
    assert (done.code, done.out) == (2, "")
    assert "HETZNER_SERVER_IP is not set. `agentflow mcp` reads no .env but what --env names." in done.err
    missing = await station.agentflow("mcp", "--env", "nowhere.env")
    assert (missing.code, "env: there is no file nowhere.env" in missing.err) == (2, True)
    (place / "own.env").write_text(f"HETZNER_SERVER_IP={kept}\n")
    named = await station.agentflow("mcp", "--env", "own.env", stdin=opening())
    assert (named.code, named.json["id"]) == (0, 0), named.err


async def test_a_host_that_is_not_reached_is_told_by_the_call_and_tried_again_by_the_next(station: Station) -> None:
    known = station.server.known_hosts.read_text()
    station.server.known_hosts.write_text("")
    parameters = StdioServerParameters(
        command=argv()[0], args=argv()[1:], env=environ(station), cwd=station.root.parent
    )
    async with stdio_client(parameters) as (given, taken), ClientSession(given, taken) as session:
        await session.initialize()
        assert {tool.name for tool in (await session.list_tools()).tools} == LISTED
        refused = await session.call_tool("list_claude_agents")
        assert refused.isError
        assert "agentflow trust" in text(refused)
        station.server.known_hosts.write_text(known)
        assert text(await session.call_tool("list_claude_agents")) == "No agents."
