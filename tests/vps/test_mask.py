from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from vps.mask import MASKED, Mask

KEY = 'sk-ant-0123456789"/+x'
MASK = Mask([SecretStr(KEY), SecretStr(KEY + "-longer"), SecretStr("short")])


@pytest.mark.parametrize("form", [KEY, json.dumps(KEY)[1:-1], quote(KEY, safe="")])
def test_a_secret_is_hidden_in_each_form(form: str) -> None:
    assert MASK.text(f"a {form} b") == f"a {MASKED} b"
    assert MASK.bytes(f"a {form} b".encode()) == f"a {MASKED} b".encode()


@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_a_secret_is_hidden_in_base64_wherever_it_stands_in_it(before: str) -> None:
    encoded = base64.b64encode((before + KEY + "tail").encode()).decode()

    assert MASKED in MASK.text(encoded)


def test_the_longest_secret_is_hidden_whole() -> None:
    assert MASK.text(KEY + "-longer") == MASKED


def test_a_secret_too_short_to_be_one_is_left() -> None:
    assert MASK.text("short") == "short"


def test_json_is_masked_in_keys_and_values() -> None:
    assert MASK.json({KEY: [KEY, 1, None]}) == {MASKED: [MASKED, 1, None]}


@given(st.lists(st.sampled_from([KEY, KEY[:7], KEY[7:], "x", "sk-", "-longer", " "]), max_size=12), st.data())
def test_no_secret_gets_through_a_boundary(parts: list[str], data: st.DataObject) -> None:
    whole = "".join(parts).encode()
    stream = MASK.stream()
    out = b""
    at = 0
    while at < len(whole):
        size = data.draw(st.integers(1, 9))
        out += stream.feed(whole[at : at + size])
        at += size
    out += stream.flush()

    assert KEY.encode() not in out
