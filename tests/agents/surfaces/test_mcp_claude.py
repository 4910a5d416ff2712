"""The real Claude Code CLI as the client of `agentflow mcp`: its model lists, spawns, waits for the agent and reads the result."""

from __future__ import annotations

import asyncio
import json
import os
import re
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.agents.conftest import Station
from tests.agents.surfaces.mcp_parties import TOKEN, argv, environ, over_http
from vps.testing.model import Conversation, Reply, ScriptedModel, Text, ToolUse, say
from vps.testing.model.scenarios import Answer
from vps.testing.packages import run_program

KEY = "sk-ant-of-the-driving-cli-0123456789"
NAME = re.compile(r"claude-agent-\d{13}-[a-z0-9]{6}")
OWN = "mcp__agentflow__"


@pytest.fixture(scope="session")
async def cli(image: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The binary of the agent image."""
    code, container = await run_program("docker", "create", image, timeout=60)
    assert code == 0, container
    path = tmp_path_factory.mktemp("cli") / "claude"
    try:
        code, output = await run_program(
            "docker", "cp", f"{container.strip()}:/usr/local/bin/claude", str(path), timeout=120
        )
        assert code == 0, output
    finally:
        await run_program("docker", "rm", container.strip(), timeout=60)
    yield path
    path.unlink()


def driver(conversation: Conversation) -> Answer:
    """What a model does that is told to have something done on the VPS."""
    done = len(conversation.rounds)
    if done == 0 and "secret" in conversation.task:
        return _call("remove_secret", name="NPM_TOKEN")
    if done == 0:
        return _call("list_claude_agents")
    if done == 1 and "do it" in conversation.task:
        return _call("spawn_claude_agent", task="scenario:ok")
    if done == 2 and (named := NAME.search(conversation.result(1).text)):
        return _call("wait_for_claude_agent", container_id=named[0], timeout="2m")
    return say(f"It came to: {conversation.result(-1).text}")


def _call(tool: str, /, **given: Any) -> Reply:
    return Reply((Text("On the VPS."), ToolUse(f"{OWN}{tool}", given)))


async def driven(cli: Path, home: Path, server: dict[str, Any], task: str) -> str:
    """Its last words, in an environment with nothing else in it and with that server connected."""
    home.mkdir()
    async with ScriptedModel(api_key=SecretStr(KEY), script=driver) as model:
        words = [
            str(cli), "--print", task, "--output-format", "stream-json", "--verbose",
            "--mcp-config", json.dumps({"mcpServers": {"agentflow": server}}), "--strict-mcp-config",
            "--setting-sources", "user", "--allowedTools", "mcp__agentflow", "--model", "claude-sonnet-5",
        ]  # fmt: skip
        clean = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": model.url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "MCP_TIMEOUT": "120000",
            "MCP_CONNECTION_NONBLOCKING": "0",  # or its first request may go out before a server has started
        }
        process = await asyncio.create_subprocess_exec(
            *words, cwd=home, env=clean, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(250):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, out.decode()[-3000:] + err.decode()
    events = [json.loads(line) for line in out.split(b"\n") if line]
    (connected,) = next(event for event in events if event.get("subtype") == "init")["mcp_servers"]
    assert (connected["name"], connected["status"]) == ("agentflow", "connected")
    return events[-1]["result"]


async def test_over_http_its_model_has_an_agent_work_and_reads_how_it_ended(
    docked: Station, cli: Path, place: Path
) -> None:
    async with over_http(docked) as (url, _):
        server = {"type": "http", "url": url, "headers": {"Authorization": f"Bearer {TOKEN}"}}
        said = await driven(cli, place / "home", server, "Have the VPS do it")
    named = NAME.search(said)
    assert named, said
    assert "All is well." in said
    record = json.loads((docked.root / "runs" / named[0] / "run.json").read_text())
    assert (record["origin"]["surface"], record["origin"]["caller"][:4]) == ("mcp", "mcp:")
    assert record["origin"]["caller_name"].startswith("claude-code")
    audited = (await docked.agentflow("audit", "--json")).json["calls"]
    called = [(call["tool"], call["outcome"]) for call in audited if call["surface"] == "mcp"]
    assert called == [(name, "ok") for name in ("list_claude_agents", "spawn_claude_agent", "wait_for_claude_agent")]


async def test_over_stdio_it_starts_the_server_itself_and_passes_on_what_a_person_has_to_confirm(
    station: Station, cli: Path, place: Path
) -> None:
    command, *rest = argv()
    server = {"command": command, "args": rest, "env": environ(station)}
    assert await driven(cli, place / "one", server, "Look who works") == 'It came to: {"agents":[]}'
    # It says that it shows forms, also without a terminal, where it asks nobody.
    refused = await driven(cli, place / "two", server, "Remove the secret")
    assert refused.startswith("It came to: confirmation_required: ")
    assert "`agentflow confirm " in refused
