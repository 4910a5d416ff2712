"""What is said aloud is words alone."""

from __future__ import annotations

import pytest

from bot.render.spoken import SHORT, is_wanted, speakable


@pytest.mark.parametrize(
    ("written", "aloud"),
    [
        ("**Two agents** are at _work_.", "Two agents are at work."),
        ("# Title\n- one\n- two", "Title one two"),
        ("Run `make test`:\n```sh\nmake test\n```\nthen [push](https://example.org).", "Run make test: then push."),
        ("See https://example.org/a?b=c now", "See a link now"),
        ("<@12> and <#34> at <t:1700000000:R>", "and at"),
        ("```unclosed", ""),
        ("✅ …", ""),
        ("naïve 日本語", "naïve 日本語"),
    ],
)
def test_markup_code_and_addresses_are_left_out(written: str, aloud: str) -> None:
    assert speakable(written) == aloud


def test_short_answers_are_spoken_unless_told_otherwise() -> None:
    short, long = "x" * SHORT, "x" * (SHORT + 1)
    assert [is_wanted("short", each) for each in (short, long)] == [True, False]
    assert [is_wanted("always", each) for each in (short, long)] == [True, True]
    assert [is_wanted("never", each) for each in (short, long)] == [False, False]
