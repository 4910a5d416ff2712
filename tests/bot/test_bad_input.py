"""Bad input is refused before anything starts, names the field and the remedy, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.bot.scene import RUN_S, Ground, Scene, opened


@pytest.fixture(scope="module")
async def calm(ground: Ground) -> AsyncIterator[Scene]:
    """One scene for all refusals: none of them may leave anything in it."""
    async with opened(ground) as found:
        yield found


REFUSED_AT_ONCE: list[tuple[str, dict[str, Any], str]] = [
    ("task", {"task": "  \n"}, "say what the agent should do"),
    ("task", {"task": "x" * 1_000_000}, "at most 100000 characters"),
    ("timeout", {"timeout": "0"}, "greater than 0"),
    ("timeout", {"timeout": "-5m"}, "10m"),
    ("timeout", {"timeout": "soon"}, "10m"),
    ("cpus", {"cpus": 0.0}, "greater than 0"),
    ("memory", {"memory": "lots"}, "4g"),
    ("memory", {"memory": "0"}, "greater than 0"),
    ("disk", {"disk": "20"}, "write 20g for 20 GiB"),
    ("max_turns", {"max_turns": 0}, "greater than 0"),
    ("max_budget_usd", {"max_budget_usd": -1.0}, "greater than 0"),
    ("env", {"env": "no equals sign"}, "KEY=VALUE"),
    ("env", {"env": "ANTHROPIC_BASE_URL=http://evil.example"}, "may not set"),
    ("mcp_config", {"mcp_config": "{"}, "JSON"),
]


@pytest.mark.parametrize(("field", "options", "why"), REFUSED_AT_ONCE, ids=lambda value: str(value)[:40])
async def test_a_malformed_option_is_refused_privately(
    calm: Scene, field: str, options: dict[str, Any], why: str
) -> None:
    given: dict[str, Any] = {"task": "scenario:ok", **options}
    answer = await calm.answer("spawn", **given)
    assert answer.ephemeral
    assert f"❌ {field}: " in answer.text.replace("\\", "")
    assert why in answer.text.replace("\\", "")
    assert len(answer.text) < 1000
    assert await calm.leaves_nothing()


REFUSED_BY_THE_HOST: list[tuple[str, dict[str, Any], str]] = [
    ("memory", {"memory": "900t"}, "Ask for less"),
    ("cpus", {"cpus": 9000.0}, "Ask for fewer"),
    ("workspace_path", {"workspace_path": "/etc"}, ""),
    ("workspace_path", {"workspace_path": "../../etc"}, ""),
]


@pytest.mark.parametrize(("field", "options", "remedy"), REFUSED_BY_THE_HOST, ids=lambda value: str(value)[:40])
async def test_what_the_host_refuses_is_told_in_the_anchor(
    calm: Scene, field: str, options: dict[str, Any], remedy: str
) -> None:
    interaction = await calm.slash("spawn", task="scenario:ok", **options)
    answer = await interaction.shows("❌", RUN_S)
    assert field in answer.text.replace("\\", "")
    assert remedy in answer.text
    assert await calm.leaves_nothing()


async def test_without_a_credential_nothing_starts(ground: Ground) -> None:
    async with opened(ground, image_ready=False, ANTHROPIC_API_KEY=None) as scene:
        interaction = await scene.slash("spawn", task="scenario:ok")
        answer = await interaction.shows("❌", RUN_S)
        assert "ANTHROPIC_API_KEY" in answer.text.replace("\\", "")
        assert await scene.leaves_nothing()
