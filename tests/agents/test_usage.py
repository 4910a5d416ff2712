"""The gateway's answer, as usage and as a finding of the doctor: pure."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from agents.gateway_check import State, judge
from agents.tools.usage import UsageOutput, bar
from agents.usage import BudgetState, Usage, read
from vps.mask import Mask

DAY = 86_400.0
NOW = 20_000 * DAY + 3600
RUN = "claude-agent-1795300000000-a1b2c3"


def told(**changed: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "now": NOW,
        "days": [[19_998, 2.0, 3, 900, 60], [20_000, 4.0, 5, 1000, 100]],
        "people": [["discord:1", 3.0, 4, 900, 90], ["operator:ann", 1.0, 1, 100, 10]],
        "models": [["claude-haiku-4-5", 4.0, 5, 1000, 100]],
        "runs": [[RUN, 3.0, 4, 900, 90]],
        "totals": {RUN: 3.5},
        "specs": {RUN: {"person": "discord:1", "budget_usd": 4.0}},
        "status": {},
        "settings": {"budget": {"run": 10.0, "person": None, "day": 20.0}},
        "grants": {"grants": [{"scope": "day", "key": "", "usd": 5.0, "at": NOW - 60}]},
        "alive": True,
        "started": True,
    }
    return answer | changed


def usage(**changed: Any) -> Usage:
    return read(told(**changed), 3, {"discord:1": "Ada"}, Mask([SecretStr("secret-0123456789")]))


def test_days_without_spend_are_there_and_people_have_their_names() -> None:
    found = usage()
    assert [(day.what, day.usd) for day in found.days] == [
        ("2024-10-02", 2.0),
        ("2024-10-03", 0.0),
        ("2024-10-04", 4.0),
    ]
    assert (found.today.usd, found.today.requests, found.today.tokens_written) == (4.0, 5, 100)
    assert [(each.what, each.usd) for each in found.people] == [("Ada", 3.0), ("operator:ann", 1.0)]
    assert usage(days=[], people=[]).today.usd == 0.0


def test_budgets_tell_what_is_left_and_what_was_added() -> None:
    assert usage().budgets == (
        BudgetState(scope="day", limit=25.0, added=5.0, spent=4.0, left=21.0),
        BudgetState(scope="run", who=RUN, limit=4.0, spent=3.5, left=0.5),
    )
    each = usage(settings={"budget": {"run": None, "person": 2.0, "day": None}}, specs={}).budgets
    assert [(state.who, state.left) for state in each] == [("Ada", 0.0), ("operator:ann", 1.0)]
    assert usage(settings={}, specs={}, grants={}).budgets == ()


def test_a_plans_limits_are_read_as_far_as_they_can_be() -> None:
    status = {"used_5h": "0.25", "reset_5h": str(int(NOW) + 7200), "used_7d": "much"}
    (window,) = usage(status=status).plan
    assert (window.hours, window.used, window.resets_at) == (5, 0.25, "2024-10-04T03:00:00Z")
    assert usage(status={"used_5h": "nan", "used_7d": "-1"}).plan == ()


def test_why_all_wait_is_told_without_our_secrets() -> None:
    waiting = usage(status={"refused": "secret-0123456789 is no longer accepted."})
    assert (waiting.waiting, waiting.waiting_until) == ("[masked] is no longer accepted.", None)
    limited = usage(status={"limited_until": NOW + 60})
    assert (limited.waiting, limited.waiting_until) == ("the plan's limit is reached", "2024-10-04T01:01:00Z")


def test_the_table_has_bars_by_what_was_spent() -> None:
    shown = UsageOutput(usage=usage()).summary()
    assert f"2024-10-02       2.00         3  {'█' * 12}\n2024-10-03       0.00         0\n" in shown
    assert f"2024-10-04       4.00         5  {'█' * 24}\n" in shown
    assert "Ada " in shown
    assert [bar(value, 100.0) for value in (0.0, 0.001, 100.0)] == ["", "▏", "█" * 24]
    assert "nobody" not in UsageOutput(usage=usage(days=[], people=[], models=[], runs=[])).summary()


@pytest.mark.parametrize(
    ("changed", "state", "words"),
    [
        ({"started": False, "alive": False}, State.GOOD, "the first agent starts it"),
        ({"alive": False}, State.BROKEN, "1 of the agents at work need it. See `docker logs agentflow-gateway-1`"),
        ({"status": {"refused": "Renew it with `agentflow credential`."}}, State.BROKEN, "agentflow credential"),
        ({"status": {"limited_until": NOW + 60}}, State.WAITING, "until 2024-10-04 01:01 UTC: the plan's limit"),
        ({}, State.GOOD, "answers. Today: $4.00 in 5 requests. Today's budget: $4.00 of $25.00"),
    ],
)
def test_the_doctor_tells_whether_agents_can_work_through_it(changed: dict[str, Any], state: State, words: str) -> None:
    found, text = judge(told(**changed), "agentflow-gateway-1")
    assert found is state
    assert words in text
