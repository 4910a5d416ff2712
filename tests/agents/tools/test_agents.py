"""The tools around agents refuse what makes no sense, by the field's name."""

from __future__ import annotations

from typing import Any

import pytest

from agents.tools.agents import LIST, OUTPUT, STATUS, STOP, TOOLS, WAIT
from agents.tools.spawn import SPAWN
from vps.errors import BadInput


@pytest.mark.parametrize("tool", [STATUS, OUTPUT, STOP, WAIT], ids=lambda tool: tool.verb)
@pytest.mark.parametrize("given", [{}, {"container_id": ""}, {"container_id": "x" * 101}])
def test_an_agent_has_to_be_named(tool: Any, given: dict[str, str]) -> None:
    with pytest.raises(BadInput) as refused:
        tool.parse(given)
    assert refused.value.field == "container_id"


@pytest.mark.parametrize("lines", [0, -1, 5001, "all"])
def test_output_refuses_a_senseless_number_of_lines(lines: object) -> None:
    with pytest.raises(BadInput, match=r"^lines: "):
        OUTPUT.parse({"container_id": "a", "lines": lines})


@pytest.mark.parametrize("tool", [SPAWN, *TOOLS], ids=lambda tool: tool.verb)
def test_an_unknown_option_is_refused_with_the_known_ones(tool: Any) -> None:
    with pytest.raises(BadInput) as refused:
        tool.parse({"task": "x", "container_id": "a", "colour": "red"} if tool is not LIST else {"colour": "red"})
    assert refused.value.remedy.startswith("The options are ")
