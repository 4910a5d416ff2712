from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vps.shell import both, cmd, pipe

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@given(st.lists(WORDS, max_size=6))
def test_what_a_shell_makes_of_a_command_is_its_words(words: list[str]) -> None:
    line = cmd("printf", "%s\\0", words).render()
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True)

    assert done.stdout == b"".join(word.encode() + b"\0" for word in words or [""])


def test_none_is_left_out_and_sequences_are_spliced() -> None:
    assert cmd("a", None, ["b", ("c", 1)], 2.5).argv == ("a", "b", "c", "1", "2.5")


def test_joined_commands_keep_their_own_quoting() -> None:
    assert both(cmd("a", "x y"), pipe(cmd("b"), cmd("c", ";"))).render() == "a 'x y' && b | c ';'"


def test_a_nul_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        cmd("a", "b\0c")
