"""What a spawn takes: what is refused, by name, and what is taken literally."""

from __future__ import annotations

from typing import Any

import pytest

from agents.tools.spawn import MAX_TASK, SPAWN, env_lines
from vps.errors import BadInput


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
        ("memory", 0),
        ("memory", "-1g"),
        ("memory", "lots"),
        ("cpus", 0),
        ("cpus", -2),
        ("cpus", "inf"),
        ("cpus", "nan"),
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
    assert env_lines("A=1=2\n\nB=\nC_1= x ") == {"A": "1=2", "B": "", "C_1": " x "}
