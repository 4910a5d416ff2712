"""Slash commands are the tools: same names, parameters and meaning, within Discord's limits.

Limits: https://discord.com/developers/docs/interactions/application-commands#application-command-object
"""

from __future__ import annotations

import re
from typing import Any

import discord
import pytest
from discord import app_commands

from agents.tools.agents import SPAWN, TOOLS
from agents.tools.core import Tool
from bot.slash import command

AnyTool = Tool[Any, Any]
STRING, INTEGER, BOOLEAN, NUMBER = 3, 4, 5, 10


async def nothing(_interaction: discord.Interaction, _tool: AnyTool, _given: dict[str, Any]) -> None:
    return


async def none(_interaction: discord.Interaction, _typed: str) -> list[str]:
    return []


def payload(tool: AnyTool) -> dict[str, Any]:
    """What Discord is sent."""
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    made = command(tool, nothing, {"container_id": none, "workspace_path": none})
    return made.to_dict(tree)


def options(tool: AnyTool) -> dict[str, dict[str, Any]]:
    return {option["name"]: option for option in payload(tool)["options"]}


def test_there_are_the_six_commands() -> None:
    assert [tool.verb for tool in TOOLS] == ["spawn", "status", "output", "stop", "list", "wait"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.verb)
def test_a_command_has_its_tools_parameters(tool: AnyTool) -> None:
    fields = tool.input.model_fields
    found = options(tool)
    assert payload(tool)["name"] == tool.verb
    assert found.keys() == fields.keys()
    assert {name for name, option in found.items() if option["required"]} == {
        name for name, field in fields.items() if field.is_required()
    }


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.verb)
def test_a_command_keeps_discords_limits(tool: AnyTool) -> None:
    sent = payload(tool)
    required = [option["required"] for option in sent["options"]]
    assert required == sorted(required, reverse=True)
    assert len(required) <= 25
    for part in (sent, *sent["options"]):
        assert re.fullmatch(r"[-_a-z0-9]{1,32}", part["name"])
        assert 1 <= len(part["description"]) <= 100
        assert len(part.get("choices", [])) <= 25
    texts = [part["name"] + part["description"] for part in (sent, *sent["options"])]
    choices = [choice["name"] + str(choice["value"]) for part in sent["options"] for choice in part.get("choices", [])]
    assert len("".join(texts + choices)) <= 8000


def test_options_have_the_type_that_people_write() -> None:
    types = {name: option["type"] for name, option in options(SPAWN).items()}
    assert types["task"] == types["timeout"] == types["memory"] == types["env"] == STRING
    assert types["max_turns"] == INTEGER
    assert types["cpus"] == types["max_budget_usd"] == NUMBER


def test_a_literal_becomes_choices() -> None:
    found = options(SPAWN)["permission_mode"]["choices"]
    assert [choice["value"] for choice in found] == ["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"]


def test_containers_and_workspaces_are_completed() -> None:
    completed = {
        (tool.verb, name) for tool in TOOLS for name, option in options(tool).items() if option.get("autocomplete")
    }
    agents = {(verb, "container_id") for verb in ("status", "output", "stop", "wait")}
    assert completed == agents | {("spawn", "workspace_path")}
