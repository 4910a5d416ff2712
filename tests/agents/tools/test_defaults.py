"""What holds for a spawn, where its channel has settings."""

from __future__ import annotations

import pytest

from agents.tools import defaults
from agents.tools.settings import Option
from agents.tools.spawn import SPAWN
from agents.tools.spawn_options import SpawnOptions
from vps.channels import Kept
from vps.errors import BadInput


def test_what_a_spawn_is_given_goes_before_the_channels_even_where_it_is_the_built_in_value() -> None:
    kept = {name: Kept(value=value) for name, value in {"effort": "low", "timeout": 1000, "max_turns": 3}.items()}
    given = SPAWN.parse({"task": "x", "timeout": "10m", "effort": "max"})
    assert defaults.missing(given, kept) == {"max_turns": 3}


@pytest.mark.parametrize(("name", "value"), [("effort", "extreme"), ("model", ""), ("gone", 1), ("cpus", "many")])
def test_a_setting_that_holds_no_longer_is_named_with_its_remedy(name: str, value: object) -> None:
    with pytest.raises(BadInput) as refused:
        defaults.missing(SPAWN.parse({"task": "x"}), {name: Kept(value=value)})
    assert str(refused.value).startswith(f"{name}: the channel's setting ")
    assert f"settings reset {name}" in refused.value.remedy


def test_options_are_told_without_what_may_be_private() -> None:
    options = {
        "env": "TOKEN=hunter2-0123\nB=1",
        "mcp_config": '{"mcpServers": {"docs": {"command": "x", "env": {"KEY": "hunter2-0123"}}}}',
        "append_system_prompt": "x" * 40,
        "timeout": 5_400_000,
        "memory": 1 << 29,
        "max_budget_usd": 2.5,
        "model": None,
    }
    assert defaults.told(options, options) == {
        "env": "TOKEN, B",
        "mcp_config": "docs",
        "append_system_prompt": "40 characters",
        "timeout": "90m",
        "memory": "0.5 GiB",
        "max_budget_usd": "2.5",
    }


def test_every_option_can_be_reset() -> None:
    assert set(Option.__args__) == {"all", *SpawnOptions.model_fields}
