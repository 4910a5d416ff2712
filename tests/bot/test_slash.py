"""Slash commands are the tools: same names, parameters and meaning, within Discord's limits.

Limits: https://discord.com/developers/docs/interactions/application-commands#application-command-object
"""

from __future__ import annotations

import re
from typing import Any

import discord
import pytest
from discord import app_commands

from agents.tools.catalogue import TOOLS
from agents.tools.core import Tool
from agents.tools.spawn import SPAWN
from bot.menus import run_on_message
from bot.slash import FILES, Suggest, command, commands
from tests.discord_standin import command_checks

AnyTool = Tool[Any, Any]
STRING, INTEGER, BOOLEAN, NUMBER, ATTACHMENT = 3, 4, 5, 10, 11
MESSAGE_MENU = 3


async def nothing(_interaction: discord.Interaction, _tool: AnyTool, _given: dict[str, Any]) -> None:
    return


async def none(_interaction: discord.Interaction, _typed: str) -> list[str]:
    return []


SUGGEST: dict[str, Suggest] = {"container_id": none, "workspace_path": none, "workspace_name": none, "tool": none}


def payload(tool: AnyTool) -> dict[str, Any]:
    """What Discord is sent."""
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    made = command(tool, nothing, SUGGEST)
    return made.to_dict(tree)


def options(tool: AnyTool) -> dict[str, dict[str, Any]]:
    return {option["name"]: option for option in payload(tool)["options"]}


def test_every_tool_is_a_command_or_one_of_a_group() -> None:
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    made = commands(TOOLS, nothing, SUGGEST)
    for each in made:
        tree.add_command(each)
    sent = [each.to_dict(tree) for each in made]
    assert len(sent) <= 100
    groups = {each["name"] for each in sent} & {tool.verb.split()[0] for tool in TOOLS if " " in tool.verb}
    names = [each["name"] for each in sent if each["name"] not in groups]
    for group in (each for each in sent if each["name"] in groups):
        assert len(group["options"]) <= 25
        names += [f"{group['name']} {option['name']}" for option in group["options"]]
    assert sorted(names) == sorted(tool.verb for tool in TOOLS)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.verb)
def test_a_command_has_its_tools_parameters(tool: AnyTool) -> None:
    fields = tool.seen
    found = options(tool)
    assert payload(tool)["name"] == tool.verb.split()[-1]
    assert found.keys() == fields.keys() | set(FILES if tool.attached else ())
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


def test_the_whole_tree_keeps_discords_limits() -> None:
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    sent = [made.to_dict(tree) for made in (*commands(TOOLS, nothing, SUGGEST), run_on_message())]
    # Names, descriptions, counts of commands, subcommands, options and choices; 8000 characters a command with all below it.
    assert list(command_checks.commands(sent)) == []
    menus = [each for each in sent if each["type"] == MESSAGE_MENU]
    assert len(menus) <= 5
    assert all(1 <= len(each["name"]) <= 32 for each in menus)


def test_a_limit_that_is_broken_below_a_group_is_found() -> None:
    option = {"type": STRING, "name": "text", "description": "x" * 100}
    verbs = [{"type": 1, "name": f"v{at}", "description": "d", "options": [option] * 5} for at in range(26)]
    found = list(command_checks.commands([{"type": 1, "name": "group", "description": "d", "options": verbs}]))
    assert "/group has 26 options; 25 are allowed" in found
    assert any("characters in all" in problem for problem in found)
    assert "/group v0 has two options of the same name" in found


def test_options_have_the_type_that_people_write() -> None:
    types = {name: option["type"] for name, option in options(SPAWN).items()}
    assert types["task"] == types["timeout"] == types["memory"] == types["disk"] == types["env"] == STRING
    assert types["max_turns"] == INTEGER
    assert types["cpus"] == types["max_budget_usd"] == NUMBER


def test_a_literal_becomes_choices() -> None:
    found = options(SPAWN)["permission_mode"]["choices"]
    assert [choice["value"] for choice in found] == ["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"]


def test_containers_and_workspaces_are_completed() -> None:
    completed = {
        (tool.verb, name) for tool in TOOLS for name, option in options(tool).items() if option.get("autocomplete")
    }
    typed = {(tool.verb, name) for tool in TOOLS for name in tool.input.model_fields if name in SUGGEST}
    assert completed == typed
