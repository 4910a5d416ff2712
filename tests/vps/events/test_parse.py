from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vps.events import types as t
from vps.events.parse import parse_line

STREAMS = sorted((Path(__file__).parents[2] / "data" / "claude-stream").glob("*.jsonl"))
LINES = [line for path in STREAMS for line in path.read_bytes().split(b"\n") if line]
NOT_MODELLED = {("system", "commands_changed"), ("system", "permission_denied"), ("system", "informational")}

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_every_line_of_a_captured_stream_is_understood(path: Path) -> None:
    events = [event for line in path.read_bytes().split(b"\n") if line for event in parse_line(line)]

    assert events
    unknown = {(event.type, event.subtype) for event in events if isinstance(event, t.Unknown)}
    assert unknown <= NOT_MODELLED
    assert not [event for event in events if isinstance(event, t.Malformed)]


def test_a_turn_reads_as_its_parts() -> None:
    path = next(path for path in STREAMS if path.stem == "02_edit")
    events = [event for line in path.read_bytes().split(b"\n") if line for event in parse_line(line)]

    assert [event.name for event in events if isinstance(event, t.ToolUse)][:3] == ["Read", "Bash", "Edit"]
    result = events[-1]
    assert isinstance(result, t.Result)
    assert (result.ok, result.num_turns, round(result.cost_usd, 4)) == (True, 7, 0.0826)
    init = next(event for event in events if isinstance(event, t.Init))
    assert init.permission_mode == "bypassPermissions"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(line: bytes) -> None:
    assert isinstance(parse_line(line), tuple)


@given(st.sampled_from(LINES), st.data())
def test_a_captured_line_with_any_field_replaced_is_read_without_an_exception(line: bytes, data: Any) -> None:
    record = json.loads(line)
    key = data.draw(st.sampled_from(sorted(record)))
    if key != "type":
        record[key] = data.draw(_json)

    assert isinstance(parse_line(json.dumps(record).encode()), tuple)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" + "0" * 400])
def test_numbers_no_float_can_hold_count_as_none(number: str) -> None:
    (event,) = parse_line(b'{"type":"result","subtype":"success","num_turns":' + number.encode() + b"}")

    assert isinstance(event, t.Result)
    assert event.num_turns == 0


def test_half_a_character_is_replaced_so_that_the_text_can_be_encoded() -> None:
    line = rb'{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"x","content":"a\ud83d\n"}]}}'

    assert parse_line(line) == (t.ToolResult("x", "a\ufffd\n", is_error=False),)


def test_a_line_nested_deeper_than_a_walk_could_follow_is_malformed() -> None:
    (event,) = parse_line(b'{"type":"result","usage":{"a":' + b"[" * 500 + b"]" * 500 + b"}}")

    assert isinstance(event, t.Malformed)


def test_a_blank_line_has_no_event() -> None:
    assert parse_line(b"") == ()


def test_a_result_that_does_not_say_so_is_no_success() -> None:
    (event,) = parse_line(b'{"type":"result","subtype":"success"}')

    assert isinstance(event, t.Result)
    assert not event.ok


def test_an_unknown_type_and_no_json_are_told_apart() -> None:
    assert parse_line(b'{"type":"system","subtype":"new_thing"}') == (t.Unknown("system", "new_thing"),)
    assert parse_line(b"[1]") == (t.Malformed("[1]"),)
    assert parse_line(b'{"type":') == (t.Malformed('{"type":'),)
