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


def test_an_image_in_a_line_loses_its_content_alone() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    read = {"type": "base64", "data": "iVBORw0KGgo=", "media_type": "image/png"}
    line = {"content": [{"type": "image", "source": each} for each in (source, read)], "file": {"base64": "iVBO"}}
    masked = json.loads(Mask().line(json.dumps(line, separators=(",", ":")).encode()))
    assert [each["source"] for each in masked["content"]] == [{**source, "data": ""}, {**read, "data": ""}]
    assert masked["file"] == {"base64": ""}
    text = rb'{"text":"\"type\":\"base64\",\"data\":\"aaaa\""}'
    assert Mask().line(text) == text


def test_of_two_secrets_that_overlap_no_piece_is_left() -> None:
    assert Mask([SecretStr("abcdefgh"), SecretStr("efghijklmnop")]).text("abcdefghijklmnop.") == f"{MASKED}."


@given(st.lists(st.text("abc", min_size=8, max_size=12), max_size=4), st.lists(st.binary(max_size=9)), st.data())
def test_any_cutting_of_a_stream_is_masked_as_the_whole(
    secrets: list[str], noise: list[bytes], data: st.DataObject
) -> None:
    mask = Mask(SecretStr(secret) for secret in secrets)
    pieces = st.sampled_from([*map(str.encode, secrets), *noise, b"ab", b"abcabcab"])
    whole = b"".join(data.draw(st.lists(pieces, max_size=12)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))
    stream = mask.stream()
    parts = [stream.feed(whole[a:b]) for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert b"".join(parts) + stream.flush() == mask.bytes(whole)
    assert not [secret for secret in secrets if secret.encode() in mask.bytes(whole)]


def test_a_longer_secret_is_hidden_whole_across_a_boundary() -> None:
    stream = MASK.stream()

    assert stream.feed(KEY.encode()) + stream.feed(b"-longer") + stream.flush() == MASKED.encode()


def test_a_stream_holds_back_only_what_may_be_a_beginning() -> None:
    stream = MASK.stream()

    assert stream.feed(b"plain sk-ant-") == b"plain "
    assert stream.feed(b"no") == b"sk-ant-no"


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
