"""What a spawn takes: what is refused, by name, and what is taken literally."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.crew import Crew, Order
from agents.tools import environment
from agents.tools.core import Call
from agents.tools.spawn import MAX_TASK, SPAWN
from vps.errors import BadInput
from vps.models import Origin
from vps.run import Run


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task", ""),
        ("task", " \n\t "),
        ("task", "x" * (MAX_TASK + 1)),
        ("task", "x" * (1 << 20)),
        ("task", "a\0b"),
        ("task", "\udcff"),
        ("task", None),
        ("workspace_path", "/a\0b"),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", "0"),
        ("timeout", "25h"),
        ("timeout", "soon"),
        ("timeout", "10 minutes"),
        ("model", ""),
        ("effort", "extreme"),
        ("permission_mode", "yolo"),
        ("max_turns", 0),
        ("max_turns", -3),
        ("max_turns", "several"),
        ("max_turns", 1.5),
        ("max_budget_usd", 0),
        ("max_budget_usd", -1),
        ("max_budget_usd", "nan"),
        ("mcp_config", "{"),
        ("mcp_config", "[]"),
        ("mcp_config", '{"docs": {"command": "x"}}'),
        ("mcp_config", '{"mcpServers": []}'),
        ("mcp_config", '{"mcpServers": {"docs": {"args": []}}}'),
        ("mcp_config", '{"mcpServers": {"docs": {"url": "https://example.com"}}}'),
        ("mcp_config", '{"mcpServers": {"agentflow": {"command": "x"}}}'),
        ("secrets", "NPM-TOKEN"),
        ("allowed_tools", "Bash(git"),
        ("allowed_tools", "Bash)git(, Read"),
        ("disallowed_tools", "Read; Write"),
        ("disallowed_tools", "Bash (rm *)"),
        ("env", "no equals sign"),
        ("env", "1A=x"),
        ("env", "A=\0"),
        ("env", "ANTHROPIC_BASE_URL=http://evil"),
        ("env", "claude_config_dir=/x"),
        ("env", "NODE_OPTIONS=--require=/x"),
        ("env", "LD_PRELOAD=/x"),
        ("env", "https_proxy=http://evil"),
        ("env", "GOOD=1\nPATH=/x"),
        ("env", "HOME=/x"),
        ("profile", "gpu"),
        ("network", "host"),
        ("network", ""),
        ("memory", 0),
        ("memory", "-1g"),
        ("memory", "lots"),
        ("cpus", 0),
        ("cpus", -2),
        ("cpus", "inf"),
        ("cpus", "nan"),
        ("disk", "20"),
        ("disk", 0),
        ("disk", "-1g"),
        ("disk", "much"),
    ],
)
def test_spawn_names_the_field_it_refuses(field: str, value: Any) -> None:
    with pytest.raises(BadInput) as refused:
        SPAWN.parse({"task": "x", field: value})
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")


@pytest.mark.parametrize("task", ["-v", "--help", "/clear", "$(id)", "'; rm -rf /", "日本 \x1b[31m", "x" * MAX_TASK])
def test_a_task_is_taken_literally(task: str) -> None:
    assert SPAWN.parse({"task": task}).task == task


@pytest.mark.parametrize(
    ("text", "ms"),
    [("10m", 600_000), ("1h30m", 5_400_000), ("90s", 90_000), ("600000", 600_000), ("1.5s", 1_500), (250, 250)],
)
def test_a_duration_is_typed_as_people_do_or_in_milliseconds(text: object, ms: int) -> None:
    assert SPAWN.parse({"task": "x", "timeout": text}).timeout == ms


@pytest.mark.parametrize(("text", "size"), [("4g", 4 << 30), ("512m", 512 << 20), ("2GiB", 2 << 30), (1024, 1024)])
def test_memory_is_typed_as_people_do_or_in_bytes(text: object, size: int) -> None:
    assert SPAWN.parse({"task": "x", "memory": text}).memory == size


def test_environment_lines_keep_what_stands_behind_the_first_equals_sign() -> None:
    assert environment.lines("A=1=2\n\nB=\nC_1= x ") == {"A": "1=2", "B": "", "C_1": " x "}


@pytest.mark.parametrize(
    ("given", "network"), [({}, "restricted"), ({"network": "open"}, "open"), ({"network": "none"}, "none")]
)
async def test_an_agent_has_the_network_that_was_asked_for_and_a_restricted_one_unasked(
    given: dict[str, str], network: str
) -> None:
    ordered: list[Order] = []

    async def spawn(order: Order, *_: Any, name: str | None, seen: object) -> Run:
        assert seen is None
        ordered.append(order)
        return Run(name or "claude-agent-1", None, None)

    async def look() -> None:
        return None

    settings = SimpleNamespace(require_credential=lambda: None, DISCORD_CHANNEL_ID=None, attachment_bytes=1)
    crew = cast("Crew", SimpleNamespace(spawn=spawn, look=look, settings=settings))
    await SPAWN.handler(crew, SPAWN.parse({"task": "x", **given}), Call(Origin(), frozenset()))
    assert [order.network for order in ordered] == [network]
