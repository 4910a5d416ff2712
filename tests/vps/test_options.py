"""Options of the CLI in a real run: what the model is asked with them, and what the agent may do."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.vps.conftest import KEY, Machine
from vps.errors import BadInput
from vps.events import types as t
from vps.models import CliOptions
from vps.outcome import Ending
from vps.testing.model import Reply, Request, ScriptedModel, ToolUse, bash, say, steps

SECRET = "a secret's value 0123456789"
# A server of the Model Context Protocol on stdio (2025-06-18): one tool, which tells what a variable holds.
_SERVER = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    tools = [{"name": name, "description": "d", "inputSchema": {"type": "object"}} for name in ("tell", "other")]
    result = {
        "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}},
        "tools/list": {"tools": tools},
        "tools/call": {"content": [{"type": "text", "text": "told: " + str(len(os.environ.get("TOLD", "")))}]},
    }.get(asked.get("method"), {})
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""
_MCP = {
    "mcpServers": {
        "docs": {"command": "python3", "args": ["-c", _SERVER], "env": {"TOLD": "${NPM_TOKEN}"}},
        "broken": {"command": "/nonexistent"},
    }
}


def asked(model: ScriptedModel) -> list[Request]:
    return [request for request in model.requests if request.is_work]


def tools(request: Request) -> set[str]:
    return {str(tool["name"]) for tool in request.body["tools"]}


async def test_an_agent_finds_its_context_skills_servers_and_secrets_and_its_repository_stays_as_it_was(
    machine: Machine,
) -> None:
    await machine.relay.ask("secret-set", {"name": "NPM_TOKEN", "value": SECRET})
    with pytest.raises(BadInput, match=r"secrets: there is no secret OTHER\. There are NPM_TOKEN\."):
        await machine.start("scenario:ok", secrets=("OTHER",))
    assert not list((machine.root / "runs").glob("*"))

    skill = machine.workspace / ".claude" / "skills" / "of-the-project" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: of-the-project\ndescription: a skill of the project\n---\nx\n")
    before = _status(machine)
    prompt = "日" * 50_000
    options = CliOptions(
        mcp_config=json.dumps(_MCP), append_system_prompt=prompt, effort="low", model="claude-sonnet-5"
    )
    script = steps(bash('echo "its token: $NPM_TOKEN"', "Tell"), Reply((ToolUse("mcp__docs__tell", {}),)), say("done"))
    async with ScriptedModel(api_key=KEY, script=lambda conversation: script(conversation, 0)) as model:
        machine.talk_to(model)
        name = await machine.start("tell", options=options, secrets=("NPM_TOKEN",))
        inspected = await machine.docker("inspect", name)
        processes = await machine.docker("top", name, "-eo", "pid,args")
        ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text[-3000:]
    first = asked(model)[0]
    body = json.dumps(first.body, ensure_ascii=False)
    skills = ("agentflow-delegate", "agentflow-coordinate", "agentflow-check-children", "of-the-project")
    for words in ("# Where you are", "Secrets in your environment: NPM_TOKEN", prompt, *skills):
        assert words in body, words[:80]
    assert first.body["model"] == "claude-sonnet-5"
    assert first.body["output_config"]["effort"] == "low"
    assert "mcp__docs__tell" in tools(first)
    results = [event.text for event in ended.events if isinstance(event, t.ToolResult)]
    assert f"its token: {SECRET}" in results[0]
    assert results[1] == f"told: {len(SECRET)}"
    assert _status(machine) == before

    run = machine.root / "runs" / name
    assert {path.name for path in machine.holding(SECRET)} <= {
        "NPM_TOKEN",
        "secrets",
        "out.jsonl",
        *_transcripts(machine, name),
    }
    assert (run / "in" / "secrets").stat().st_mode & 0o777 == 0o600
    assert SECRET not in inspected + processes
    described = await machine.runs.describe(name)
    assert described.record is not None
    assert described.record.secrets == ("NPM_TOKEN",)
    assert SECRET not in described.raw.decode()
    assert b"its token: [masked]" in described.raw


def _transcripts(machine: Machine, name: str) -> set[str]:
    return {path.name for path in (machine.root / "sessions" / name).rglob("*")}


def _status(machine: Machine) -> str:
    argv = ["git", "-c", "safe.directory=*", "-C", str(machine.workspace), "status", "--porcelain", "--ignored"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


async def test_allowed_tools_are_the_only_ones_that_run(machine: Machine) -> None:
    docs = _MCP["mcpServers"]["docs"]
    servers = json.dumps({"mcpServers": {"docs": docs, "web": docs}})
    options = CliOptions(mcp_config=servers, allowed_tools=("Read", "Bash(echo *)", "mcp__docs__tell"))
    calls: tuple[dict[str, Any], ...] = (
        {"name": "Bash", "input": {"command": "echo allowed", "description": "d"}},
        {"name": "Bash", "input": {"command": "touch forbidden", "description": "d"}},
        {"name": "Write", "input": {"file_path": f"{machine.workspace}/forbidden", "content": "x"}},
        {"name": "mcp__docs__tell", "input": {}},
        {"name": "mcp__docs__other", "input": {}},
        {"name": "mcp__web__tell", "input": {}},
    )
    script = steps(*(Reply((ToolUse(call["name"], call["input"]),)) for call in calls), say("done"))
    async with ScriptedModel(api_key=KEY, script=lambda conversation: script(conversation, 0)) as model:
        machine.talk_to(model)
        ended = await machine.run("try them", options=options)

    results = [event for event in ended.events if isinstance(event, t.ToolResult)]
    assert [event.is_error for event in results] == [False, True, True, False, True, True], ended.text[-3000:]
    assert not (machine.workspace / "forbidden").exists()
    assert tools(asked(model)[0]) == {"Read", "Bash", "mcp__docs__tell", "mcp__docs__other"}
