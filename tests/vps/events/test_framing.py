from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vps.events.framing import Framer


@given(st.lists(st.binary(max_size=40)), st.integers(0, 1000))
def test_any_cutting_gives_the_same_lines(chunks: list[bytes], start: int) -> None:
    whole = b"".join(chunks)
    framer = Framer(start)
    lines = [line for chunk in chunks for line in framer.feed(chunk)]

    assert lines == Framer(start).feed(whole)
    assert b"".join(line + b"\n" for _, _, line in lines) == whole[: len(whole) - framer.pending]
    assert all(whole[first - start : end - start] == line + b"\n" for first, end, line in lines)


def test_a_torn_last_line_waits_for_its_rest() -> None:
    framer = Framer()

    assert framer.feed(b'{"a":') == []
    assert framer.pending == 5
    assert framer.feed(b"1}\n") == [(0, 8, b'{"a":1}')]


def test_unicode_line_separators_are_no_line_ends() -> None:
    line = "a\u2028b\u0085c".encode()

    assert Framer().feed(line + b"\n") == [(0, len(line) + 1, line)]


def test_a_line_over_the_limit_is_passed_over_and_the_next_is_whole() -> None:
    framer = Framer(limit=10)
    lines = [line for _ in range(1000) for line in framer.feed(b"x" * 1000)] + framer.feed(b"\nnext\n")

    assert lines == [(0, 1_000_001, b""), (1_000_001, 1_000_006, b"next")]


def test_a_line_of_ten_megabytes_arrives_whole() -> None:
    line = b"y" * (10 << 20)
    framer = Framer()
    for at in range(0, len(line), 65_536):
        assert framer.feed(line[at : at + 65_536]) == []

    assert framer.feed(b"\n") == [(0, len(line) + 1, line)]
