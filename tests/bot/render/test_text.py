"""Text is harmless, complete and within Discord's limits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render.text import (
    FENCE,
    blank,
    cut,
    duration,
    fence,
    inline_code,
    money,
    one_line,
    plain,
    printable,
    shorten,
    split,
    width,
)

_PARTS = st.sampled_from(
    [
        *("```", "````", "```py\n", "\n```\n", "```js\nlet a = 1\n```\n", "`", "``"),
        *("\n", "\n\n", " ", "word", "A sentence. ", "日本語。", "x" * 90, "👨‍👩‍👧‍👦", "e\u0301", "\u200b"),
    ]
)
TEXTS = st.lists(_PARTS, max_size=150).map("".join) | st.text(max_size=400)
LIMITS = st.integers(64, 300)


@given(TEXTS, LIMITS)
def test_the_pieces_are_the_whole_text(text: str, limit: int) -> None:
    assert "".join(piece.body for piece in cut(text, limit)) == text


@given(TEXTS, LIMITS)
def test_every_piece_fits_shows_something_and_closes_its_code(text: str, limit: int) -> None:
    for piece in split(text, limit):
        assert width(piece) <= limit
        assert not blank(piece)
        assert piece.count(FENCE) % 2 == 0


@given(st.text(alphabet="ab .\n", max_size=2000), LIMITS)
def test_only_white_space_at_the_cuts_is_dropped(text: str, limit: int) -> None:
    assert "".join("".join(split(text, limit)).split()) == "".join(text.split())


def test_a_short_text_is_one_message() -> None:
    assert split("hello\n") == ["hello"]
    assert split(" \n\u200b") == []


def test_paragraphs_go_before_lines_and_lines_before_words() -> None:
    assert split("a" * 40 + "\n\n" + "b" * 10 + "\n" + "c" * 40, 64) == ["a" * 40, "b" * 10 + "\n" + "c" * 40]
    assert split("a" * 40 + "\n" + "b b " * 10, 64) == ["a" * 40, ("b b " * 10).rstrip()]
    assert split("One is here. Two is " + "long " * 10, 64)[0] == ("One is here. Two is " + "long " * 8).rstrip()
    assert split("Some words that end here in time. And " + "x" * 60, 64)[0] == "Some words that end here in time."


def test_ten_thousand_unbroken_characters_are_cut_hard() -> None:
    pieces = split("x" * 10_000)
    assert [len(piece) for piece in pieces] == [2000] * 5


def test_a_cut_code_block_is_closed_and_reopened_with_its_language() -> None:
    code = "\n".join(f"line_{number} = {number}" for number in range(20))
    pieces = split(f"Here:\n```python\n{code}\n```\nDone.", 120)
    assert pieces[0].startswith("Here:\n```python\nline_0 = 0\n")
    assert all(piece.startswith("```python\nline_") for piece in pieces[1:])
    assert all(piece.endswith("\n```") for piece in pieces[:-1])
    assert pieces[-1].endswith("\n```\nDone.")
    lines = [line for piece in pieces for line in piece.split("\n") if line.startswith("line_")]
    assert lines == code.split("\n")


def test_no_cut_leaves_an_empty_code_block() -> None:
    for before in range(1, 60):
        for piece in split("a" * before + "\n```py\n" + "b" * 30 + "\n```\n" + "c" * 40, 64):
            assert not re.search(r"```(py)?\n*```", piece)


def test_a_code_block_that_fits_is_moved_whole_to_the_next_message() -> None:
    block = "```py\n" + "b\n" * 15 + "```"
    assert split("a" * 60 + "\n" + block, 90) == ["a" * 60, block]


def test_emoji_stay_whole_and_count_as_discord_counts_at_worst() -> None:
    family = "👨‍👩‍👧‍👦"
    pieces = split(family * 40, 64)
    assert all(piece.replace(family, "") == "" for piece in pieces)
    assert [width(piece) <= 64 for piece in pieces] == [True] * len(pieces)


def test_plain_defuses_mentions() -> None:
    assert plain("@everyone @here <@1> <@!2> <@&3> a@b.c <#4>") == (
        "@\u200beveryone @\u200bhere <@\u200b1> <@\u200b!2> <@\u200b&3> a@b.c <#4>"
    )


def test_printable_drops_escapes_and_controls_and_keeps_tabs_and_line_separators() -> None:
    raw = "\x1b[1;31mred\x1b[0m\x1b]8;;http://x\x07link\x1b]8;;\x1b\\\r\nCR\rx\x00\x07\tt\u2028s\u202ebidi\ud83d"
    assert printable(raw) == "redlink\nCR\nx\tt\u2028sbidi\ufffd"


@given(st.text())
def test_printable_can_be_encoded_and_has_no_controls(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ls -la", "`ls -la`"),
        ("a\n  b", "`a b`"),
        ("", "` `"),
        ("echo `x`", "`` echo `x` ``"),
        ("```", "`` `\u200b`\u200b` ``"),
    ],
)
def test_inline_code_quotes_anything(text: str, shown: str) -> None:
    assert inline_code(text) == shown


@given(TEXTS, LIMITS)
def test_inline_code_keeps_its_limit_and_opens_no_block(text: str, limit: int) -> None:
    shown = inline_code(text, limit)
    assert width(shown) <= limit
    assert FENCE not in shown
    assert "\n" not in shown


def test_the_markup_of_a_line_reaches_no_other_line() -> None:
    assert one_line("a\n ```b``` ||c|| `d` @here", 40) == "a \u200bb\u200b \u200bc\u200b `d` @\u200bhere"
    assert one_line("an `unclosed", 40) == "an 'unclosed"


@given(TEXTS, LIMITS)
def test_a_line_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert width(line) <= limit
    assert "\n" not in line
    assert line.count("`") % 2 == 0
    assert FENCE not in line


@given(TEXTS)
def test_a_fence_is_closed_by_nothing_in_it(text: str) -> None:
    assert fence(text, "py").count(FENCE) == 2


@given(st.text(), st.integers(3, 50))
def test_shorten_keeps_its_limit(text: str, limit: int) -> None:
    assert width(shorten(text, limit)) <= limit


def test_shorten_ends_at_a_word_that_is_near() -> None:
    assert shorten("one two three", 20) == "one two three"
    assert shorten("one two three four", 16) == "one two three…"
    assert shorten("x" * 30, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        *((0, "0 ms"), (850, "850 ms"), (3200, "3.2 s"), (9960, "10 s"), (42_000, "42 s")),
        *((59_700, "1m 00s"), (185_000, "3m 05s"), (3_720_000, "1h 02m")),
    ],
)
def test_durations_are_for_people(ms: float, shown: str) -> None:
    assert duration(ms) == shown


def test_money_shows_cents_or_less() -> None:
    assert [money(usd) for usd in (0, 0.0026, 0.0826, 12.5)] == ["$0.00", "$0.003", "$0.08", "$12.50"]
