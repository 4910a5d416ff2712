"""Every tool over every surface: the same parameters, limits, rights and errors. A tool without a surface fails here."""

from __future__ import annotations

import argparse
from typing import Any

import discord
import jsonschema
import pytest
from discord import app_commands

from agents.rights import Right
from agents.surfaces.cli import build_parser
from agents.surfaces.mcp_server import described
from agents.surfaces.options import for_models, schema
from agents.tools.catalogue import TOOLS
from agents.tools.core import NotPermitted, Tool
from agents.tools.spawn import SPAWN
from agents.tools.stakes import Stake, question
from agents.voice import wanted
from bot.slash import FILES, commands
from tests.elevenlabs_standin.spec import specification
from vps.errors import BadInput
from vps.mask import Mask

AnyTool = Tool[Any, Any]
GOOD: dict[str, Any] = {
    "task": "do it",
    "message": "and a test",
    "answer": "yes",
    "container_id": "claude-agent-1",
    "message_id": "6f0d7c1e-6a0c-5d0a-9b53-0c6a3c1d4e21",
    "workspace_name": "api",
    "repo_url": "https://github.com/owner/api",
    "branch_name": "feature",
    "title": "A title",
    "code": "abcde-23456",
    "host": "example.com",
    "scope": "day",
    "usd": 5,
    "name": "NPM_TOKEN",
    "value": "npm_0123456789",
    "option": "model",
}
BAD: dict[str, Any] = {
    "task": "  ",
    "message": " \n",
    "answer": "x" * 4001,
    "container_id": "x" * 101,
    "message_id": "the last one",
    "workspace_name": "../etc",
    "repo_url": "file:///etc",
    "branch_name": "a..b",
    "title": "x" * 251,
    "code": "../x",
    "host": "https://example.com/",
    "scope": "week",
    "usd": 0,
    "name": "LD_PRELOAD",
    "value": "short",
    "option": "colour",
}


async def nothing(_interaction: discord.Interaction, _tool: AnyTool, _given: dict[str, Any]) -> None:
    return


def in_discord(tool: AnyTool) -> dict[str, Any]:
    """What Discord is told of it."""
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    for made in commands(TOOLS, nothing, {}):
        tree.add_command(made)
    first, _, second = tool.verb.partition(" ")
    found: Any = tree.get_command(first)
    sent = found.to_dict(tree)
    return next(option for option in sent["options"] if option["name"] == second) if second else sent


def in_shell(tool: AnyTool, given: dict[str, Any]) -> argparse.Namespace:
    """What the command line makes of it."""
    flags = [f"--{name}={value}" for name, value in given.items()]
    return build_parser().parse_args([*tool.verb.split(), *flags])


def required(tool: AnyTool, values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name, field in tool.input.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_has_the_same_parameters_everywhere(tool: AnyTool) -> None:
    fields = tool.seen
    files = set(FILES if tool.attached else ())
    assert {option["name"] for option in in_discord(tool)["options"]} == fields.keys() | files
    given = vars(in_shell(tool, typed(tool)))
    assert {name for name in tool.input.model_fields if name in given} == set(typed(tool))
    assert set(vars(in_shell(tool, dict.fromkeys(flags(tool), "1")))) >= set(flags(tool))


def flags(tool: AnyTool) -> list[str]:
    """Its parameters that take a value on the command line."""
    return [name for name, field in tool.seen.items() if field.annotation is not bool]


def typed(tool: AnyTool) -> dict[str, Any]:
    """What it requires and a command may show."""
    return {name: value for name, value in required(tool, GOOD).items() if name in tool.seen}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_what_is_required_in_one_is_in_the_other(tool: AnyTool) -> None:
    wanted = {option["name"] for option in in_discord(tool)["options"] if option["required"]}
    assert wanted == set(typed(tool))
    assert tool.parse(required(tool, GOOD))


@pytest.mark.parametrize(
    ("tool", "name"),
    [(tool, name) for tool in TOOLS for name, field in tool.input.model_fields.items() if field.is_required()],
    ids=lambda each: each.name if isinstance(each, Tool) else str(each),
)
def test_bad_input_is_refused_by_the_tool_itself_and_names_the_field(tool: AnyTool, name: str) -> None:
    with pytest.raises(BadInput) as refused:
        tool.parse(required(tool, GOOD) | {name: BAD[name]})
    assert refused.value.field == name
    assert refused.value.remedy


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_caller_without_its_right_is_refused(tool: AnyTool) -> None:
    with pytest.raises(NotPermitted):
        tool.permit(frozenset(set(Right) - {tool.right}))


def test_names_and_verbs_are_told_apart() -> None:
    assert len({tool.name for tool in TOOLS}) == len({tool.verb for tool in TOOLS}) == len(TOOLS)
    assert SPAWN in TOOLS


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_whoever_calls_by_a_model_knows_what_is_at_stake(tool: AnyTool) -> None:
    given = tool.parse(required(tool, GOOD))
    assert (tool.stakes is not None) is tool.changes
    said = question(tool.description, given, Mask())
    assert all(f"{name}: {value}" in said for name, value in typed(tool).items() if name not in ("code", "usd"))


@pytest.mark.parametrize("tool", for_models(TOOLS), ids=lambda tool: tool.name)
def test_its_parameters_are_plain_to_every_model(tool: AnyTool) -> None:
    found = schema(tool)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["properties"].keys() == tool.seen.keys()
    for each in found["properties"].values():
        assert each["type"] in ("string", "integer", "number", "boolean")
        assert each["description"]
    jsonschema.validate(required(tool, GOOD), found)
    defaults = {name: each["default"] for name, each in found["properties"].items() if "default" in each}
    assert tool.parse({**required(tool, GOOD), **defaults}) == tool.parse(required(tool, GOOD))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**required(tool, GOOD), "nothing_of_it": 1}, found)


@pytest.mark.parametrize("tool", for_models(TOOLS), ids=lambda tool: tool.name)
def test_mcp_lists_it_with_the_same_parameters_and_what_comes_of_it(tool: AnyTool) -> None:
    listed = described(tool)
    assert (listed.name, listed.inputSchema) == (tool.name, schema(tool))
    assert listed.outputSchema is not None
    jsonschema.Draft202012Validator.check_schema(listed.outputSchema)
    assert listed.outputSchema["type"] == "object"
    assert listed.outputSchema["properties"].keys() == tool.output.model_fields.keys()
    assert listed.annotations is not None
    assert listed.annotations.readOnlyHint is not tool.changes
    ends = {Stake.DELETES, Stake.STOPS, Stake.PUSHES} & tool.at_stake(tool.parse(required(tool, GOOD)))
    assert listed.annotations.destructiveHint is bool(ends)


@pytest.mark.parametrize("tool", wanted.voiced(), ids=lambda tool: tool.name)
def test_elevenlabs_takes_it_and_a_voice_can_give_all_that_is_required(tool: AnyTool) -> None:
    config = wanted.tool_config(tool)
    assert specification().schema("ClientToolConfig-Input", config) == []
    found = config["parameters"]
    assert found.keys() == {"type", "required", "properties"}
    assert found["properties"].keys() == tool.seen.keys() - wanted.UNSPOKEN.get(tool.name, frozenset())
    assert set(found["required"]) == set(typed(tool)) <= found["properties"].keys()
    for each in found["properties"].values():
        assert each.keys() <= {"type", "description", "enum"}
        assert each["description"]
    jsonschema.validate(required(tool, GOOD), found)


def test_what_no_voice_gives_is_named() -> None:
    assert {tool.name for tool in for_models(TOOLS)} - {tool.name for tool in wanted.voiced()} == wanted.UNSPOKEN_TOOLS


def test_a_yes_and_a_secret_are_no_models_to_give() -> None:
    left_out = {tool.name for tool in TOOLS} - {tool.name for tool in for_models(TOOLS)}
    assert left_out == {"confirm_call", "set_secret"}
