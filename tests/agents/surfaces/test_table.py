"""The table of `agentflow watch`, from what was seen to what is on the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from agents.surfaces.cli_table import table
from agents.tools.agents import StatusOutput
from agents.tools.overview import Seen
from agents.tools.views import AgentView

AT_WORK: dict[str, Any] = {
    "container_id": "claude-agent-1763700000000-k3x9qa",
    "state": "running",
    "task": "fix the parser",
    "workspace": "/opt/agentflow/workspaces/api--fix-it",
    "branch": "agent/fix-it",
    "elapsed_ms": 3_725_900,
    "turns": 7,
    "cost_usd": 0.01234,
    "last_action": "Bash pytest -q",
    "alive": True,
}


def seen(*changes: dict[str, Any], more: int = 0) -> Seen:
    agents = [AgentView.model_validate(AT_WORK | change) for change in changes]
    statuses = tuple(StatusOutput(agent=agent, cpu="12.50%", memory="151MiB / 4GiB") for agent in agents)
    return Seen(agents=statuses, more=more)


def shown(what: Seen, *, width: int = 200, terminal: bool = False, **trouble: Any) -> str:
    written = io.StringIO()
    console = Console(file=written, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    console.print(table(what, **trouble))
    return written.getvalue()


def test_an_agent_has_a_line_with_all_that_is_known_of_it() -> None:
    head, row = shown(seen({})).splitlines()
    assert head.split() == [
        *("agent", "state", "workspace", "task", "elapsed", "turns", "cost", "CPU", "memory", "last", "action")
    ]
    assert row.split() == [
        *("k3x9qa", "running", "api--fix-it", "(agent/fix-it)", "fix", "the", "parser"),
        *("1:02:05", "7", "$0.0123", "12.50%", "151MiB", "Bash", "pytest", "-q"),
    ]


def test_one_that_waits_tells_its_place_instead_of_what_it_did_last() -> None:
    line = shown(seen({"state": "queued", "queue_place": 3, "waits_for": "memory (1.1 of 2.0 GiB free)"}))
    assert "queued" in line
    assert "place 3: waits for memory (1.1 of 2.0 GiB free)" in line
    assert "Bash" not in line


def test_one_that_ended_tells_why_instead_of_what_it_did_last() -> None:
    ended = {"state": "timed_out", "alive": False, "reason": "The turn took longer than its timeout."}
    line = shown(seen(ended))
    assert "timed_out" in line
    assert "The turn took longer" in line
    assert "Bash" not in line


def test_one_started_by_hand_is_shown_without_what_nobody_knows() -> None:
    line = shown(seen({"container_id": "claude-agent-mine", "state": "Up 3 minutes", "by_hand": True})).splitlines()[1]
    assert line.split()[:4] == ["mine", "Up", "3", "minutes"]
    assert "started by hand" in line
    assert "$" not in line


@pytest.mark.parametrize("field", ["task", "last_action", "workspace", "branch", "state"])
def test_nothing_that_an_agent_wrote_drives_the_terminal(field: str) -> None:
    hostile = "a\x1b]0;title\x07\x1b[2J\x9b31m\u202eb\r\n\tc\ud800"
    written = shown(seen({field: hostile}))
    assert [sign for sign in written if not sign.isprintable() and sign != "\n"] == []
    assert len(written.splitlines()) == 2


def test_nothing_that_an_agent_wrote_is_markup() -> None:
    words = "[bold red]x[/] [link=http://evil]y[/link] :smile: [/nonsense]"
    assert words in shown(seen({"task": words}))


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_a_line_stays_one_line_however_narrow_the_terminal_is(width: int) -> None:
    lines = shown(seen({"task": "x" * 100_000, "last_action": "字" * 500}, {}), width=width).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= width


def test_a_narrow_terminal_cuts_texts_before_names_and_numbers() -> None:
    row = shown(seen({"task": "rewrite the whole parser", "last_action": "Bash pytest -q --maxfail 1"}), width=90)
    for word in ("k3x9qa", "running", "1:02:05", "$0.0123", "12.50%", "151MiB"):
        assert word in row


def test_trouble_is_told_with_the_age_of_what_is_shown_and_the_table_stays() -> None:
    first, *rest = shown(seen({}), trouble="The host cannot be reached.", age_s=74.6).splitlines()
    assert first == "The host cannot be reached. What is shown is 0:01:15 old."
    assert "k3x9qa" in rest[1]


def test_what_went_wrong_is_no_markup_either() -> None:
    assert "[/] x [31m What is shown" in shown(seen({}), trouble="[/] x\x1b[31m")


def test_no_agents_and_more_than_fit_are_said() -> None:
    assert shown(seen()) == "No agents.\n"
    assert shown(seen({}, more=12)).splitlines()[-1] == "and 12 more"


def test_a_terminal_gets_colours_of_ours_only() -> None:
    written = shown(seen({}, {"state": "failed", "alive": False}), terminal=True)
    assert "\x1b[32mrunning" in written
    assert "\x1b[31mfailed" in written
