from __future__ import annotations

import json
from pathlib import Path

import pytest

from vps.events.parse import parse_line
from vps.events.types import Init, RateLimit, Result
from vps.outcome import DockerExit, Ending, SupervisorExit, judge
from vps.tally import Tally

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
    "31_api_400_credit": Ending.FAILED,
    "31_api_400_long": Ending.FAILED,
    "31_api_403": Ending.FAILED,
    "31_api_404": Ending.FAILED,
    "31_api_429": Ending.LIMITED,
    "31_api_500": Ending.FAILED,
    "31_api_max_tokens": Ending.FAILED,
    "31_api_refused_connection": Ending.FAILED,
    "32_compact": Ending.SUCCEEDED,
    "33_half_character": Ending.SUCCEEDED,
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


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("09c_529_repeated_r3", "overloaded"),
        ("31_api_400_credit", "no credit"),
        ("31_api_400_long", "too long"),
        ("31_api_refused_connection", "not be reached"),
        ("31_api_max_tokens", "longer than it may be"),
    ],
)
def test_an_api_error_is_told_with_its_remedy(name: str, said: str) -> None:
    outcome = judge(tallied(name), SupervisorExit(exit_code=1), None)

    assert said in outcome.reason
    assert outcome.remedy


def test_a_turn_without_a_result_is_not_judged_by_the_one_before() -> None:
    tally = tallied("01_simple")
    tally.feed(Init("s", "m", "", "", "", ""))

    assert judge(tally, None, DockerExit(exit_code=137)).ending is Ending.STOPPED
    assert judge(tally, SupervisorExit(exit_code=0), None).ending is Ending.FAILED


def test_a_stop_that_came_before_the_supervisor_was_up_is_a_stop() -> None:
    outcome = judge(Tally(), None, DockerExit(exit_code=143))
    assert (outcome.ending, outcome.reason) == (Ending.STOPPED, "It was stopped as it started.")


def test_what_an_earlier_turn_met_does_not_judge_a_later_one() -> None:
    tally = tallied("09p_refusal")
    for event in (Init("s", "m", "", "", "", ""), Result("success", is_error=True, api_error_status=401)):
        tally.feed(event)

    assert judge(tally, SupervisorExit(exit_code=1), None).ending is Ending.FAILED


def test_without_a_supervisors_record_dockers_exit_code_counts() -> None:
    assert judge(tallied("01_simple"), None, DockerExit(exit_code=1)).ending is Ending.FAILED
    assert judge(tallied("01_simple"), None, DockerExit(exit_code=0)).ending is Ending.SUCCEEDED


def test_a_container_that_vanished_after_its_supervisors_record_is_judged_by_that() -> None:
    assert (
        judge(tallied("01_simple"), SupervisorExit(exit_code=0), DockerExit(state="vanished")).ending
        is Ending.SUCCEEDED
    )


def test_a_reset_time_out_of_all_bounds_is_left_out() -> None:
    tally = tallied("18f_oauth_429_limit")
    tally.feed(RateLimit("rejected", 1e14, None, None))

    assert judge(tally, SupervisorExit(exit_code=1), None).ending is Ending.LIMITED


def test_turns_are_the_main_agents_messages_over_all_its_turns() -> None:
    assert tallied("02_edit").turns == 6
    assert tallied("15a_stdin_multi").turns == 4
    assert tallied("24f_parallel_subagents").turns == 2
    assert tallied("09a_401").turns == 0


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
