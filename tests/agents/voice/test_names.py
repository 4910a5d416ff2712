"""Names that can be said, and who is meant by them."""

from __future__ import annotations

import pytest

from agents.voice import words
from agents.voice.names import Named, label, numbered, resolve, resolve_workspace, workspace
from vps.errors import BadInput

REST = Named("claude-agent-1700000000001-aaa111", 7, "Add a REST API to the shop", "running")
LOGIN = Named("claude-agent-1700000000002-bbb222", 3, "fix the login page", "running")
TESTS = Named("claude-agent-1700000000003-ccc333", 21, "Write tests for the login page", "idle")
AGENTS = [LOGIN, REST, TESTS]


def test_a_name_is_a_number_and_words_of_the_task() -> None:
    assert REST.spoken == "agent seven, the REST API shop one"
    assert Named("x", 2).spoken == "agent two"
    assert label("Please make it so that the agent can do all of this") == ""


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("7", REST),
        ("seven", REST),
        ("agent 7", REST),
        ("Agent Seven", REST),
        ("agent seven, the REST API one", REST),
        ("agent seven the api one", REST),
        ("seven, the REST API one", REST),
        ("no. 7", REST),
        ("agent number twenty-one", TESTS),
        ("twenty one", TESTS),
        ("number 3", LOGIN),
        ("the REST API one", REST),
        ("the one with the rest apis", REST),
        ("tests", TESTS),
        (REST.id, REST),
        ("aaa111", REST),
    ],
)
def test_a_number_words_or_an_id_name_an_agent(given: str, meant: Named) -> None:
    assert resolve(given, AGENTS) == meant.id


def test_several_that_fit_are_asked_back() -> None:
    with pytest.raises(BadInput) as asked:
        resolve("the login one", AGENTS)
    assert (
        asked.value.remedy
        == "Do you mean agent three, the login page one, or agent twenty-one, the tests login page one?"
    )


@pytest.mark.parametrize(
    "given", ["12", "the database one", "the one", "agent twelve", "agent one hundred five", "no one"]
)
def test_none_that_fits_tells_which_there_are(given: str) -> None:
    with pytest.raises(BadInput) as refused:
        resolve(given, AGENTS)
    assert refused.value.remedy.startswith("There is agent three, the login page one; agent seven")
    with pytest.raises(BadInput, match="There are no agents"):
        resolve(given, [])


def test_ids_of_runs_that_are_not_listed_are_passed_on() -> None:
    for given in ("claude-agent-1600000000000-zzz999", "zzz999", "0123456789ab"):
        assert resolve(given, AGENTS) == given


def test_a_number_is_never_anothers() -> None:
    first = numbered({}, ["b", "a"])
    assert first == {"a": 1, "b": 2}
    second = numbered(first, ["c", "b"])
    assert second == {"a": 1, "b": 2, "c": 3}
    assert numbered(second, ["d", "b"]) == {**second, "d": 4}


def test_one_that_is_not_listed_any_more_is_still_who_was_meant() -> None:
    assert resolve("agent seven", [LOGIN], AGENTS) == REST.id
    assert resolve("the rest one", [LOGIN], AGENTS) == REST.id
    assert resolve("the login one", [LOGIN], AGENTS) == LOGIN.id


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("agent three, the REST API one", "agent three, the login page one, or agent seven, the REST API shop one"),
        ("three, the REST API one", "agent three, the login page one, or agent seven, the REST API shop one"),
        ("agent seven the database one", "agent seven, the REST API shop one"),
    ],
)
def test_a_number_and_words_that_do_not_agree_are_asked_back(given: str, meant: str) -> None:
    with pytest.raises(BadInput, match="not one agent's") as asked:
        resolve(given, AGENTS)
    assert asked.value.remedy == f"Do you mean {meant}?"


def test_all_of_a_number_is_read() -> None:
    many = Named("claude-agent-1700000000004-ddd444", 105, "Paint the shed")
    for given in ("agent one hundred five", "agent one hundred and five, the shed one", "105"):
        assert resolve(given, [*AGENTS, Named("one", 1), many]) == many.id
    with pytest.raises(BadInput, match="two seven is no number"):
        resolve("agent two seven", AGENTS)


TREES = ["api", "my_repo", "api--rest-abc123", "api--add-a-rest-api-abc123", "web-shop", "web-site--fix"]


@pytest.mark.parametrize("name", TREES)
def test_a_workspace_is_known_by_the_name_it_was_given_aloud(name: str) -> None:
    assert resolve_workspace(workspace(name), TREES) == name


def test_trees_that_sound_alike_are_told_apart() -> None:
    alike = ["api--add-a-rest-api-abc123", "api--add-a-rest-shop-def456"]
    with pytest.raises(BadInput) as asked:
        resolve_workspace("api, the add a rest tree", alike)
    said = "api, the add a rest api abc123 tree"
    assert asked.value.remedy == f"Do you mean {said} or api, the add a rest shop def456 tree?"
    assert resolve_workspace(said, alike) == alike[0]


def test_a_whole_name_goes_before_parts_and_parts_begin_a_word() -> None:
    assert resolve_workspace("a p i", ["api", "pi"]) == "api"
    assert resolve_workspace("pi", ["api", "pi"]) == "pi"
    assert resolve_workspace("my a p i", ["api", "pi"]) == "api"
    assert resolve_workspace("the a p i project", ["api", "api-project"]) == "api-project"
    assert resolve_workspace("shop", ["bishop", "web-shop"]) == "web-shop"
    with pytest.raises(BadInput, match="no workspace fits"):
        resolve_workspace("api", ["therapist"])


NAMES = ["api", "web-shop", "web-site", "api--rest-abc123"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("api", "api"),
        ("a p i", "api"),
        ("my API", "api"),
        ("the api workspace", "api"),
        ("A.P.I.", "api"),
        ("web shop", "web-shop"),
        ("the site", "web-site"),
        ("api--rest-abc123", "api--rest-abc123"),
    ],
)
def test_a_workspace_is_known_as_it_is_said(given: str, meant: str) -> None:
    assert resolve_workspace(given, NAMES) == meant


def test_workspaces_are_asked_back_too() -> None:
    with pytest.raises(BadInput, match=r"Do you mean web shop or web site\?"):
        resolve_workspace("web", NAMES)
    with pytest.raises(BadInput, match="There is api, web shop, web site and api, the rest abc123 tree"):
        resolve_workspace("database", NAMES)
    assert workspace("web_shop") == "web shop"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "zero"), (13, "thirteen"), (40, "forty"), (99, "ninety-nine"), (205, "two hundred five"), (-3, "minus three"),
     (1_002_003, "one million two thousand three"), (10**13, "very many")],
)  # fmt: skip
def test_numbers_in_words(value: int, said: str) -> None:
    assert words.number(value) == said


def test_every_number_that_is_said_is_understood() -> None:
    assert [words.said_number(words.number(value)) for value in range(1200)] == list(range(1200))
    assert words.said_number("seven eight") is None


def test_durations_and_money_in_words() -> None:
    assert [words.duration(ms) for ms in (0, 1000, 61_000, 900_000, 3_900_000, 400_000_000)] == [
        "less than a second", "one second", "one minute and one second", "fifteen minutes", "one hour and five minutes",
        "four days",
    ]  # fmt: skip
    assert [words.money(usd) for usd in (0, 0.001, 0.12, 1, 2.05)] == [
        "nothing", "less than a cent", "twelve cents", "one dollar", "two dollars and five cents",
    ]  # fmt: skip
