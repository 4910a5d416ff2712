"""What agents may ask for their children: told to the model as it is taken here, and never more than the parent has."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from agents.inside import run_of
from agents.tools.children import TOOLS, may_work, network_of_child
from agents.tools.core import NotPermitted
from vps.container import toolbox
from vps.events.types import AgentCall
from vps.host.layout import NAME
from vps.models import Origin, RunRecord
from vps.outcome import DockerExit
from vps.run import Run


def test_every_tool_takes_what_its_model_is_told() -> None:
    told = {str(tool["name"]): tool["inputSchema"] for tool in toolbox.CHILDREN}
    taken = {tool.name: tool.input for tool in TOOLS}
    assert told.keys() == taken.keys()
    for name, schema in told.items():
        fields = taken[name].model_fields
        assert schema["properties"].keys() == fields.keys(), name
        assert schema["required"] == [each for each, field in fields.items() if field.is_required()], name


def test_a_child_has_no_more_network_than_its_parent() -> None:
    assert network_of_child(None, "open") == "restricted"
    assert network_of_child(None, "none") == "none"
    assert network_of_child("open", "open") == "open"
    assert network_of_child("none", "restricted") == "none"
    with pytest.raises(NotPermitted, match="more than yours"):
        network_of_child("restricted", "none")


def test_who_is_done_and_stays_warm_or_has_ended_leaves_room_for_others() -> None:
    record = RunRecord(name="claude-agent-1790000000000-abcdef", task="t", origin=Origin(), created_at=0)
    works = Run(record.name, record, None)
    others = [works, replace(works, idle=True), replace(works, docker=DockerExit())]
    may_work(others, 2)
    with pytest.raises(NotPermitted, match="2 children are at work"):
        may_work([*others, works], 2)


def test_a_call_names_the_run_it_makes_always_the_same() -> None:
    parent = "claude-agent-1790000000000-abcdef"
    names = {run_of(parent, AgentCall(call, "spawn_child", 1_790_000_000.5)) for call in ("a", "b", "a")}
    assert len(names) == 2
    assert all(NAME.fullmatch(name) and re.match("claude-agent-1790000000500-", name) for name in names)
