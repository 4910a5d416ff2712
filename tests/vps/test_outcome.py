from __future__ import annotations

import json
from pathlib import Path

import pytest

from vps.events.parse import parse_line
from vps.outcome import DockerExit, Ending, SupervisorExit, Tally, judge

STREAMS = Path(__file__).parents[1] / "data" / "claude-stream"
ENDINGS = {
    "01_simple": Ending.SUCCEEDED,
    "02_edit": Ending.SUCCEEDED,
    "06_bash_fail": Ending.SUCCEEDED,
    "07_tool_100k": Ending.SUCCEEDED,
    "08_unicode": Ending.SUCCEEDED,
    "09a_401": Ending.FAILED,
    "09b_429_then_ok": Ending.SUCCEEDED,
    "09c_529_repeated_r3": Ending.FAILED,
    "09n_fallback_model": Ending.SUCCEEDED,
    "09p_refusal": Ending.REFUSED,
    "10_max_turns": Ending.LIMITED,
    "11_budget": Ending.LIMITED,
    "12_sigint_tool": Ending.INTERRUPTED,
    "12_sigterm_tool": Ending.FAILED,
    "13f_resume_unknown": Ending.FAILED,
    "18f_oauth_429_limit": Ending.LIMITED,
}


def tallied(name: str) -> Tally:
    tally = Tally()
    for line in (STREAMS / f"{name}.jsonl").read_bytes().split(b"\n"):
        for event in parse_line(line) if line else ():
            tally.feed(event)
    return tally


@pytest.mark.parametrize(("name", "ending"), ENDINGS.items())
def test_a_captured_stream_is_judged_by_what_it_says_and_its_exit_code(name: str, ending: Ending) -> None:
    code = json.loads((STREAMS / f"{name}.meta.json").read_bytes())["exit_code"]
    supervisor = SupervisorExit(exit_code=code if code >= 0 else None, signal=-code if code < 0 else None)

    assert judge(tallied(name), supervisor, DockerExit(exit_code=code)).ending is ending


def test_exit_code_0_without_a_result_is_a_failure() -> None:
    outcome = judge(Tally(), SupervisorExit(exit_code=0), DockerExit(exit_code=0))

    assert outcome.ending is Ending.FAILED
    assert "without a result" in outcome.reason


def test_a_result_with_another_exit_code_than_0_is_a_failure() -> None:
    assert judge(tallied("01_simple"), SupervisorExit(exit_code=3), None).ending is Ending.FAILED


def test_a_child_lost_to_memory_does_not_fail_a_run_that_succeeded() -> None:
    docker = DockerExit(exit_code=0, oom_killed=True)

    assert judge(tallied("01_simple"), SupervisorExit(exit_code=0), docker).ending is Ending.SUCCEEDED


def test_the_cli_lost_to_memory_is_told_as_such() -> None:
    docker = DockerExit(exit_code=137, oom_killed=True)

    assert judge(Tally(), SupervisorExit(signal=9), docker).ending is Ending.OUT_OF_MEMORY
    assert judge(Tally(), None, docker).ending is Ending.OUT_OF_MEMORY


def test_what_we_did_wins_over_what_the_cli_says_of_it() -> None:
    tally = tallied("12_sigint_tool")

    assert judge(tally, SupervisorExit(reason="timeout", exit_code=1), None).ending is Ending.TIMED_OUT
    assert judge(tally, SupervisorExit(reason="stopped", exit_code=1), None).ending is Ending.STOPPED
    assert judge(tally, None, DockerExit(exit_code=137, killed_for="log_size")).ending is Ending.LIMITED
    assert judge(Tally(), None, DockerExit(state="vanished")).ending is Ending.VANISHED


def test_the_subscriptions_limit_names_its_reset() -> None:
    outcome = judge(tallied("18f_oauth_429_limit"), SupervisorExit(exit_code=1), None)

    assert "UTC" in outcome.reason
