"""An agent's activity in words, with durations."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from agents.tools.doing import shown
from vps.activity import Activity, Doing
from vps.events.types import ToolUse
from vps.mask import Mask

BASH = ToolUse("b", "Bash", {"command": "npm test\nmore"})


@pytest.mark.parametrize(
    ("activity", "words"),
    [
        (Activity(Doing.STARTING, 3), "starting for 3 s"),
        (Activity(Doing.THINKING, 12.4), "thinking for 12 s"),
        (Activity(Doing.THINKING, 5, what="compacting the conversation"), "compacting the conversation for 5 s"),
        (Activity(Doing.TOOL, 185, tool=BASH), "Bash npm test for 3m"),
        (Activity(Doing.PERSON, 7300, what="Which?"), "waits for an answer for 2h 01m: Which?"),
        (Activity(Doing.PERSON, 7300, 65, what="Which?"), "waits for an answer for 65 s more: Which?"),
        (
            Activity(Doing.RETRYING, 1, 20.4, what="API overloaded (529), retry 3 of 10"),
            "API overloaded (529), retry 3 of 10 in 20 s",
        ),
        (
            Activity(Doing.RETRYING, 31, what="API error (500), retry 3 of 10"),
            "API error (500), retry 3 of 10 under way",
        ),
        (Activity(Doing.LIMITED, 1, 7500), "rate-limited, resets in 2h 05m"),
        (Activity(Doing.LIMITED, 60), "rate-limited for 60 s"),
        (Activity(Doing.SILENT, 150), "silent for 2m"),
        (Activity(Doing.SILENT, 700, tool=BASH), "silent for 11m in Bash npm test"),
        (Activity(Doing.HUNG, 660), "hung for 11m, being resumed"),
    ],
)
def test_every_activity_is_told_in_a_few_words(activity: Activity, words: str) -> None:
    found = shown(activity, Mask([]))
    assert found
    assert found.summary() == words


def test_what_a_tool_works_on_shows_no_secret() -> None:
    secret = "sk-ant-0123456789abcdef"
    found = shown(
        Activity(Doing.TOOL, 1, tool=ToolUse("b", "Bash", {"command": f"echo {secret}"})), Mask([SecretStr(secret)])
    )
    assert found
    assert secret not in found.model_dump_json() + found.summary()
