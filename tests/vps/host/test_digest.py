"""What a whole log says of its run, against the parser that reads every line of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from agents.tools.views import tallied
from vps.events.framing import Framer
from vps.events.parse import parse
from vps.host import digest, runs
from vps.mask import Mask
from vps.run import Run, run_of
from vps.tally import Tally

STREAMS = sorted((Path(__file__).parents[2] / "data" / "claude-stream").glob("*.jsonl"))
NAME = "claude-agent-1790000000000-abc123"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / NAME / "out" / "out.jsonl"
    path.parent.mkdir(parents=True)
    path.touch()
    record = {"name": NAME, "task": "x", "workspace": "/w", "session_id": "s", "timeout_s": 1, "created_at": 1.0}
    (path.parent.parent / "run.json").write_text(json.dumps(record | {"origin": {"caller": "a", "surface": "t"}}))
    return path


def described(root: Path, tail: int) -> Run:
    return run_of(runs.describe(str(root), {"name": NAME, "tail": tail})["runs"][0], None, time.time(), Mask())


def whole(data: bytes) -> Tally:
    tally = Tally()
    for framed in Framer().feed(data):
        for event in parse(*framed).events:
            tally.feed(event)
    return tally


@pytest.mark.parametrize("stream", STREAMS, ids=lambda path: path.stem)
def test_a_short_tail_tells_turns_model_result_and_cost_like_the_whole_log(
    stream: Path, log: Path, tmp_path: Path
) -> None:
    log.write_bytes(stream.read_bytes())
    seen, expected = tallied(described(tmp_path, 1)), whole(stream.read_bytes())
    assert (seen.turns, seen.model, seen.result, seen.cost_usd, seen.in_turn) == (
        expected.turns,
        expected.model,
        expected.result,
        expected.cost_usd,
        expected.in_turn,
    )


def test_what_was_added_is_counted_once_wherever_a_line_was_torn(log: Path, tmp_path: Path) -> None:
    data = next(path for path in STREAMS if path.stem == "02_edit").read_bytes()
    with log.open("ab", buffering=0) as file:
        for position in range(0, len(data), 777):
            file.write(data[position : position + 777])
            digest.of(str(tmp_path), NAME)
    assert digest.of(str(tmp_path), NAME)["turns"] == whole(data).turns > 1


def test_a_log_that_was_replaced_or_cut_is_read_anew(log: Path, tmp_path: Path) -> None:
    data = next(path for path in STREAMS if path.stem == "02_edit").read_bytes()
    log.write_bytes(data)
    digest.of(str(tmp_path), NAME)
    log.write_bytes(b"")
    assert digest.of(str(tmp_path), NAME) == {"turns": 0, "kept": []}
    other = log.with_name("other")
    other.write_bytes(data * 2)
    other.rename(log)
    assert digest.of(str(tmp_path), NAME)["turns"] == whole(data * 2).turns


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"assistant","message":[]}',
        b'{"type":"assistant","message":{"model":1,"id":{}}}',
        b'{"type":"assistant",' + b"[" * 100_000,
        b'{"type":"result"' + b"x" * (2 << 20),
        b"\xff\x00",
    ],
    ids=["no record", "odd types", "deep", "long result", "no text"],
)
def test_what_an_agent_may_write_counts_for_nothing(line: bytes, log: Path, tmp_path: Path) -> None:
    log.write_bytes(line + b"\n")
    assert digest.of(str(tmp_path), NAME) == {"turns": 0, "kept": []}


def test_a_link_in_the_place_of_a_log_is_not_followed(log: Path, tmp_path: Path) -> None:
    target = tmp_path / "secret"
    target.write_bytes(b'{"type":"result","result":"secret"}\n')
    log.unlink()
    log.symlink_to(target)
    assert digest.of(str(tmp_path), NAME) == {"turns": 0, "kept": []}


def test_a_short_tail_tells_which_questions_are_open(log: Path, tmp_path: Path) -> None:
    def write(subtype: str, **fields: object) -> None:
        with log.open("ab") as file:
            file.write(json.dumps({"type": "agentflow", "subtype": subtype, "at": 1.0, **fields}).encode() + b"\n")
            file.write(b'{"type":"system","subtype":"status"}\n' * 3)

    write("started")
    for id_ in ("a", "b"):
        write("question", id=id_, text=f"{id_}?")
    write("answered", id="a", how="expired")
    seen = tallied(described(tmp_path, 1)).asked
    assert list(seen.open) == ["b"]
    assert seen.over["a"][1].how == "expired"
    write("question", id="c", text="c?")
    write("answered", id="c", how="answered", by="operator:me")
    write("ended", reason="done")
    ended = tallied(described(tmp_path, 1)).asked
    assert not ended.open
    assert {id_: end.how for id_, (_, end) in ended.over.items()} == {"a": "expired", "c": "answered"}
    write("started")
    assert not tallied(described(tmp_path, 1)).asked.open
