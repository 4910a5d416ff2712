"""A message's mark: unseen, given back whole, and nobody else's."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.marks import Mark, marked, read
from bot.render.blocks import MARK_ROOM

RUN = "claude-agent-1790000000000-abc123"
COUNTS, BYTES = st.integers(0, 1 << 24), st.integers(0, 1 << 31)


@given(st.text(), COUNTS, COUNTS, st.integers(0, 5000), BYTES, BYTES, st.sampled_from(["anchor", "part", "end"]))
def test_what_was_marked_is_read_back(
    text: str, number: int, first: int, more: int, start: int, length: int, kind: str
) -> None:
    mark = Mark(kind, number, first, first + more, start, start + length)  # pyright: ignore[reportArgumentType]  drawn
    full = marked(text, RUN, mark)
    assert read(full, RUN) == (text, mark)
    assert len(full) - len(text) <= MARK_ROOM


def test_a_mark_has_no_width_and_no_white_space_that_discord_would_take_away() -> None:
    mark = marked("", RUN, Mark("part", 5, 7, 9, 100, 20_000))
    assert {unicodedata.category(char) for char in mark} == {"Cf"}
    assert mark.strip() == mark


def test_another_runs_mark_is_none() -> None:
    assert read(marked("x", RUN, Mark("part")), RUN[:-1] + "4") is None


@given(st.text("\u2063\u200b\u200c\u2060\u2062a", max_size=60))
def test_what_an_agent_writes_like_a_mark_is_none(text: str) -> None:
    found = read(text, RUN)
    assert found is None or marked(found[0], RUN, found[1]) == text


@pytest.mark.parametrize("text", ["", "a", "a\u200b"])
def test_a_text_without_one_has_none(text: str) -> None:
    assert read(text, RUN) is None
