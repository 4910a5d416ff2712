"""What is asked of ElevenLabs keeps to what ElevenLabs takes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agents.surfaces.options import for_models
from agents.tools.catalogue import TOOLS
from agents.tools.core import Tool
from agents.voice import wanted
from tests.elevenlabs_standin.spec import specification

AnyTool = Tool[Any, Any]


@pytest.mark.parametrize("tool", wanted.voiced(), ids=lambda tool: tool.name)
def test_a_tool_fits_the_public_schema_and_has_only_its_keys(tool: AnyTool) -> None:
    config = wanted.tool_config(tool)
    spec = specification()
    assert spec.request("/v1/convai/tools post", {"tool_config": config}) == []
    assert config["description"].endswith(wanted.TOOL_MARK)
    assert "$ref" not in str(config)
    assert "anyOf" not in str(config)
    literal = {"type", "description", "enum"}
    for each in config["parameters"]["properties"].values():
        assert spec.schema("LiteralJsonSchemaProperty", each) == []
        assert each.keys() <= literal
        assert each["description"].strip()
        assert len(each["description"]) <= 200


def test_the_agent_fits_the_public_schema() -> None:
    assert specification().request("/v1/convai/agents/create post", wanted.agent_config()) == []


def test_what_is_left_out_is_in_the_catalogue_and_never_required() -> None:
    known = {tool.name: tool for tool in for_models(TOOLS)}
    assert known.keys() >= wanted.UNSPOKEN_TOOLS | wanted.UNSPOKEN.keys()
    for name, left_out in wanted.UNSPOKEN.items():
        fields = known[name].seen
        assert fields.keys() >= left_out
        assert not [each for each in left_out if fields[each].is_required()]


def test_the_prompt_needs_no_variables() -> None:
    assert not re.search(r"\{\{", wanted.PROMPT)
