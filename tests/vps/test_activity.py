"""What an agent does right now, told apart from its events and the silence behind them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vps.activity import SILENT_AFTER_S, TOOL_S, Activity, Doing, activity
from vps.events import types as t
from vps.events.asked import Answered, Question
from vps.events.parse import parse_line
from vps.tally import Tally

NOW = 1_795_300_000.0
INIT = t.Init("s", "m", "", "", "", "")
BASH = t.ToolUse("b", "Bash", {"command": "npm test"})
ASK = t.ToolUse("q", "mcp__docs__ask", {})
AGENT = t.ToolUse("a", "Agent", {"description": "Look around"})
RETRY = t.ApiRetry(3, 10, 30_000, 529, "overloaded")
REJECTED = t.RateLimit("rejected", NOW + 3600, "five_hour", None)
STREAMS = Path(__file__).parents[1] / "data" / "claude-stream"


def seen(*events: t.Event, quiet_s: float = 1.0) -> Activity | None:
    tally = Tally()
    for event in events:
        tally.feed(event)
    return activity(tally, quiet_s, NOW)


def doing(*events: t.Event, quiet_s: float = 1.0) -> Doing | None:
    found = seen(*events, quiet_s=quiet_s)
    return found.doing if found else None


def test_an_agent_starts_then_thinks_then_works_then_thinks_again() -> None:
    assert doing() is Doing.STARTING
    assert doing(INIT) is Doing.THINKING
    assert seen(INIT, BASH) == Activity(Doing.TOOL, 1.0, tool=BASH)
    assert doing(INIT, BASH, t.ToolResult("b", "", is_error=False)) is Doing.THINKING
    assert doing(INIT, BASH, t.Result("success", is_error=False)) is None
    assert seen(INIT, t.Status("compacting")) == Activity(Doing.THINKING, 1.0, what="compacting the conversation")


@pytest.mark.parametrize("events", [(), (INIT,), (INIT, AGENT), (INIT, BASH, t.ToolResult("b", "", is_error=False))])
def test_silence_that_nothing_explains_is_told(events: tuple[t.Event, ...]) -> None:
    assert doing(*events, quiet_s=SILENT_AFTER_S) is not Doing.SILENT
    assert doing(*events, quiet_s=SILENT_AFTER_S + 1) is Doing.SILENT


def test_a_tool_explains_silence_for_as_long_as_the_cli_lets_it_run() -> None:
    assert doing(INIT, BASH, quiet_s=TOOL_S) is Doing.TOOL
    assert seen(INIT, BASH, quiet_s=TOOL_S + 1) == Activity(Doing.SILENT, TOOL_S + 1, tool=BASH)
    assert doing(INIT, ASK, quiet_s=TOOL_S + 1) is Doing.TOOL


def test_a_subagent_is_told_by_the_tool_that_it_uses() -> None:
    found = seen(INIT, AGENT, t.ToolUse("c", "Read", {"file_path": "/x"}, parent="a"), quiet_s=60)
    assert found
    assert found.tool
    assert found.tool.name == "Read"


def test_a_tools_time_is_its_own_where_it_is_known() -> None:
    tally = Tally()
    tally.feed(INIT, NOW - 100)
    tally.feed(BASH, NOW - 90)
    tally.feed(t.Task("progress", "1"), NOW - 5)
    found = activity(tally, 5.0, NOW)
    assert found
    assert (found.doing, found.for_s) == (Doing.TOOL, 90.0)


def test_a_retry_shows_its_number_and_its_wait() -> None:
    assert seen(INIT, RETRY, quiet_s=10) == Activity(
        Doing.RETRYING, 10, 20.0, what="API overloaded (529), retry 3 of 10"
    )
    under_way = seen(INIT, RETRY, quiet_s=40)
    assert under_way
    assert (under_way.doing, under_way.in_s) == (Doing.RETRYING, None)
    assert doing(INIT, RETRY, quiet_s=30 + SILENT_AFTER_S + 1) is Doing.SILENT
    assert doing(INIT, RETRY, t.Text("Back.")) is Doing.THINKING


def test_a_reached_limit_shows_when_it_ends_and_goes_when_it_has() -> None:
    assert seen(INIT, REJECTED) == Activity(Doing.LIMITED, 1.0, 3600.0)
    assert doing(INIT, REJECTED, t.Text("limit", error="rate_limit")) is Doing.LIMITED
    assert doing(INIT, REJECTED, t.Text("It goes on.")) is Doing.THINKING
    assert doing(INIT, t.RateLimit("rejected", NOW - 1, None, None)) is Doing.THINKING
    assert doing(INIT, t.RateLimit("allowed_warning", NOW + 9, None, None)) is Doing.THINKING
    assert seen(INIT, t.RateLimit("rejected", 1e15, None, None)) == Activity(Doing.LIMITED, 1.0)


def test_waiting_for_a_person_is_no_silence() -> None:
    waiting = (INIT, BASH, t.SessionState("requires_action"))
    assert doing(*waiting, quiet_s=5000) is Doing.PERSON
    assert doing(*waiting, t.SessionState("running")) is Doing.TOOL
    asked = Question(id="q", text="Which DB?", at=NOW - 7, expires_at=NOW + 5)
    assert doing(INIT, BASH, asked, quiet_s=5000) is Doing.PERSON
    assert doing(INIT, BASH, asked, Answered(id="q")) is Doing.TOOL


def test_one_that_hangs_is_told_until_it_goes_on() -> None:
    hung = t.Supervisor("hung", NOW, reason="first")
    assert doing(INIT, BASH, hung, quiet_s=900) is Doing.HUNG
    assert doing(INIT, BASH, hung, t.Supervisor("resumed", NOW, reason="replaced")) is Doing.THINKING


def test_a_cli_that_took_anothers_place_adds_its_cost_to_what_was_spent() -> None:
    tally = Tally()
    for event in (
        t.Result("success", is_error=False, cost_usd=0.25),
        t.Supervisor("resumed", NOW, reason="replaced"),
        t.Result("success", is_error=False, cost_usd=0.5),
    ):
        tally.feed(event)
    assert tally.cost_usd == 0.75


@pytest.mark.parametrize(
    "name", ["09a_401", "09b_429_then_ok", "31_api_refused_connection", "04_subagent", "18f_oauth_429_limit"]
)
def test_captured_streams_show_every_wait_and_end_without_one(name: str) -> None:
    tally = Tally()
    waits = 0
    for line in (STREAMS / f"{name}.jsonl").read_bytes().split(b"\n"):
        for event in parse_line(line) if line else ():
            tally.feed(event)
            found = activity(tally, 0.0, NOW)
            if isinstance(event, t.ApiRetry):
                waits += 1
                assert found
                assert found.doing is Doing.RETRYING
                assert found.in_s == pytest.approx(json.loads(line)["retry_delay_ms"] / 1000)
    assert activity(tally, 0.0, NOW) is None
    assert waits or name in ("04_subagent", "18f_oauth_429_limit")
