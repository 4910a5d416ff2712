"""What requests cost: from lines of the access log, each counted once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vps.proxy.books import Books, new_lines, row, usage

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2
PERSONS = {"r1": "discord:1", "r2": "discord:2"}
LOG = "model.jsonl"


def line(run: str = "r1", at: float = NOON, *, output: int = 1000, **changed: Any) -> bytes:
    """1000 tokens that Haiku writes cost half a cent."""
    tokens = {"model": "claude-haiku-4-5", "input_tokens": 0, "output_tokens": output}
    found = {"run": run, "at": f"{at:.3f}", "path": "/v1/messages", "status": 200, "tokens": tokens, **changed}
    return json.dumps(found).encode() + b"\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "books.sqlite3"


@pytest.fixture
def books(place: Path) -> Iterator[Books]:
    opened = Books(str(place))
    yield opened
    opened.close()


def take(books: Books, log: Path, limit: int = 1 << 22) -> int:
    """What the gate does with a log; how many lines were new."""
    lines, inode, offset = new_lines(str(log), books.up_to(LOG), limit)
    if lines:
        books.note(LOG, inode, offset, [found for each in lines if (found := row(each, PERSONS))])
    return len(lines)


def test_a_line_becomes_a_row_with_what_it_cost() -> None:
    tokens = {
        "model": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 100, "cache_read_input_tokens": 10_000,
        "cache_creation_input_tokens": 2000, "ephemeral_1h_input_tokens": 1000, "web_search_requests": 2,
    }  # fmt: skip
    made = row(line(tokens=tokens, path="/v1/messages?beta=true"), PERSONS)
    assert made is not None
    assert made[:-1] == (NOON, "r1", "discord:1", "claude-sonnet-4-5", 200, 1000, 100, 10_000, 2000)
    inputs = 1000 + 0.1 * 10_000 + 1.25 * 1000 + 2 * 1000
    assert made[-1] == pytest.approx((inputs * 3 + 100 * 15) / 1e6 + 2 * 0.01)


@pytest.mark.parametrize(
    "given",
    [
        line(tokens=None),
        line(tokens={}),
        line(path="/v1/messages/count_tokens?beta=true"),
        line(tokens={"input_tokens": "many"}),
        line(at=NOON)[:-20],
        b"\n",
        b"[]\n",
        b"\xff\n",
    ],
)
def test_what_cost_nothing_or_is_no_line_of_ours_is_no_row(given: bytes) -> None:
    assert row(given, PERSONS) is None


def test_each_line_counts_once_across_a_restart_and_a_rotation(books: Books, place: Path, tmp_path: Path) -> None:
    log = tmp_path / LOG
    assert take(books, log) == 0
    log.write_bytes(line() + line("r2") + line()[:30])
    assert (take(books, log), take(books, log)) == (2, 0)

    log.write_bytes(log.read_bytes()[:-30] + line() + line("r2"))
    again = Books(str(place))
    assert take(again, log, limit=len(line()) + 10) == 1
    again.close()
    log.rename(tmp_path / f"{LOG}.1")
    log.write_bytes(line())
    assert (take(books, log), take(books, log), take(books, log)) == (1, 1, 0)

    spent = books.spent("r1", "discord:1", NOON)
    assert spent == pytest.approx((0.015, 0.015, 0.025))


def test_a_day_ends_at_midnight_utc_and_a_run_does_not(books: Books, place: Path) -> None:
    rows = [row(line("r1", at), PERSONS) for at in (NOON - DAY, NOON - DAY / 2 - 1, NOON - DAY / 2, NOON)]
    rows += [row(line("r2", NOON, output=3000), PERSONS), row(line("r3", NOON - DAY), PERSONS)]
    books.note(LOG, 1, 1, [each for each in rows if each])
    assert books.spent("r1", "discord:1", NOON) == pytest.approx((0.02, 0.01, 0.025))
    assert books.spent("r1", "discord:1", NOON + DAY) == pytest.approx((0.02, 0, 0))

    told = usage(str(place), 7, ["r1", "r3", "r4"], NOON)
    assert [(day, pytest.approx(usd), calls) for day, usd, calls, *_ in told["days"]] == [
        (19_999, 0.015, 3),
        (20_000, 0.025, 3),
    ]
    assert [(who, pytest.approx(usd)) for who, usd, *_ in told["people"]] == [("discord:2", 0.015), ("discord:1", 0.01)]
    assert told["totals"] == pytest.approx({"r1": 0.02, "r3": 0.005, "r4": 0})
    assert [day for day, *_ in usage(str(place), 1, (), NOON)["days"]] == [20_000]

    books.forget(NOON + 400 * DAY - 1)
    assert books.spent("r1", "discord:1", NOON).run == pytest.approx(0.005)


def test_what_children_cost_counts_to_those_above_them(books: Books, tmp_path: Path) -> None:
    log = tmp_path / LOG
    log.write_bytes(line("r1") + line("r2") + line("r3"))
    take(books, log)
    books.relate([("r2", "r1"), ("r3", "r1"), ("r3", "r2"), ("r3", "r2")])
    spent = [books.spent(run, "", NOON).run for run in ("r1", "r2", "r3")]
    assert spent == [pytest.approx(each * 0.005) for each in (3, 2, 1)]
