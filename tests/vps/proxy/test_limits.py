"""Who may go on, and who waits for what: pure."""

from __future__ import annotations

from typing import Any

import pytest

from vps.proxy.books import Spent
from vps.proxy.limits import Budget, Wait, above, budget, credential, over, refusal, too_often, warnings

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2
ANN = {"person": "discord:1"}
SETTINGS = {"budget": {"run": 2.0, "person": 10.0, "day": 50.0}}


def grant(scope: str, key: str, usd: float, at: float = NOON - 60) -> dict[str, Any]:
    return {"scope": scope, "key": key, "usd": usd, "at": at}


def allowed(
    settings: dict[str, Any], *grants: dict[str, Any], run: str = "r1", spec: dict[str, Any] | None = None
) -> Budget:
    return budget(settings, list(grants), run, ANN if spec is None else spec, NOON)


def test_without_budgets_nobody_waits() -> None:
    assert allowed({}) == allowed({"budget": {"run": None}}) == Budget(None, None, None)
    assert over(Spent(1e6, 1e6, 1e6), allowed({}), NOON) is None
    assert warnings(Spent(1e6, 1e6, 1e6), allowed({})) == []


@pytest.mark.parametrize(
    ("of_all", "own", "meant"),
    [(2.0, None, 2.0), (2.0, 0.5, 0.5), (2.0, 9.0, 2.0), (None, 0.5, 0.5), (None, None, None)],
)
def test_a_runs_own_budget_counts_where_it_is_the_smaller_one(
    of_all: float | None, own: float | None, meant: float | None
) -> None:
    settings = {"budget": {"run": of_all, "person": 10.0, "day": 50.0}}
    assert allowed(settings, spec=ANN | {"budget_usd": own}) == Budget(meant, 10.0, 50.0)
    more = None if meant is None else meant + 1
    assert allowed(settings, grant("run", "r1", 1), spec=ANN | {"budget_usd": own}).run == more


def test_what_was_added_counts_for_its_own_scope_and_key_alone() -> None:
    grants = [grant("run", "r1", 1), grant("run", "r1", 2), grant("person", "discord:1", 5), grant("day", "", 25)]
    assert allowed(SETTINGS, *grants) == Budget(5.0, 15.0, 75.0)
    assert allowed(SETTINGS, *grants, run="r2", spec={"person": "discord:2"}) == Budget(2.0, 10.0, 75.0)
    assert allowed(SETTINGS, *grants, spec={}) == Budget(5.0, 10.0, 75.0)


def test_what_was_added_to_a_day_is_gone_with_it_and_to_a_run_stays() -> None:
    before = NOON - DAY
    grants = [grant("run", "r1", 1, before), grant("person", "discord:1", 5, before), grant("day", "", 25, before)]
    assert allowed(SETTINGS, *grants) == Budget(3.0, 10.0, 50.0)


@pytest.mark.parametrize(
    ("spent", "kind", "until"),
    [
        (Spent(1.99, 9.99, 49.99), None, None),
        (Spent(2.0, 2.0, 2.0), "budget_run", None),
        (Spent(0.1, 10.5, 10.5), "budget_person", 20_001 * DAY),
        (Spent(0.1, 0.1, 50.0), "budget_day", 20_001 * DAY),
        (Spent(2.0, 10.0, 50.0), "budget_run", None),
    ],
)
def test_a_budget_that_is_used_up_is_waited_for_until_midnight_or_somebody_acts(
    spent: Spent, kind: str | None, until: float | None
) -> None:
    wait = over(spent, allowed(SETTINGS), NOON)
    assert (wait.kind, wait.until) == (kind, until) if wait else kind is None
    assert wait is None or " USD" in wait.text


def test_from_four_fifths_on_it_is_told_until_it_is_used_up() -> None:
    assert warnings(Spent(1.59, 7.9, 39.9), allowed(SETTINGS)) == []
    assert [scope for scope, _ in warnings(Spent(1.6, 8.0, 45.0), allowed(SETTINGS))] == ["run", "person", "day"]
    assert [scope for scope, _ in warnings(Spent(2.0, 8.0, 1.0), allowed(SETTINGS))] == ["person"]


def test_requests_beyond_those_of_a_minute_wait_until_the_first_of_them_is_a_minute_old() -> None:
    times = [NOON - 61, NOON - 30, NOON - 20, NOON - 10]
    assert too_often(times, None, NOON) is None
    assert too_often(times, 4, NOON) is None
    wait = too_often(times, 3, NOON)
    assert wait is not None
    assert (wait.kind, wait.until) == ("rate", NOON + 30)
    assert too_often([*times, NOON - 5], 3, NOON) == wait._replace(
        until=NOON + 40, text=wait.text.replace("3 times", "4 times")
    )


def test_a_refused_credential_is_waited_for_before_a_plans_limit() -> None:
    assert credential({}, NOON) is credential({"limited_until": NOON - 1}, NOON) is None
    limited = credential({"limited_until": NOON + 60}, NOON)
    assert limited is not None
    assert (limited.kind, limited.until) == ("plan", NOON + 60)
    refused = credential({"limited_until": NOON + 60, "refused": "no longer accepted"}, NOON)
    assert refused == ("credential", None, "no longer accepted")


def test_a_used_up_budget_holds_those_below_too_until_somebody_adds_to_it() -> None:
    spec = {"ancestors": {"a": None, "b": 1.0}}
    settings: dict[str, Any] = {"budget": {"run": None}}
    assert above(settings, [], spec, {"a": 9.0, "b": 0.9}, 0) is None
    wait = above(settings, [], spec, {"a": 9.0, "b": 1.0}, 0)
    assert wait is not None
    assert (wait.kind, wait.text[:16]) == ("budget_above", "the budget of b,")
    grant = {"scope": "run", "key": "b", "usd": 1.0}
    assert above(settings, [grant], spec, {"a": 9.0, "b": 1.0}, 0) is None
    assert above({"budget": {"run": 5.0}}, [], spec, {"a": 9.0, "b": 0.0}, 0) is not None


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (Wait("budget_run", None, "this agent's budget is used up: 2.00 of 2.00 USD"), "This conversation's budget is"),
        (Wait("budget_day", NOON, "the day's budget of all agents is used up: 9.00 of 9.00 USD"), "midnight UTC"),
        (Wait("plan", NOON, "the plan's limit is reached"), "The plan's limit is reached. Wait"),
        (Wait("credential", None, "the VPS has no credential. Renew it."), "The VPS has no credential. Renew it."),
    ],
)
def test_a_conversation_is_told_what_an_agent_waits_for_and_what_to_do(wait: Wait, said: str) -> None:
    assert said in refusal(wait)
    assert refusal(wait).endswith(".")
    assert ".." not in refusal(wait)
