"""What every request cost, in SQLite: written once for each line of Envoy's access log, together with how far that was read."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from vps.proxy import prices

_KEPT_S = 400 * 86_400.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  at REAL NOT NULL, run TEXT NOT NULL, person TEXT NOT NULL, model TEXT NOT NULL, status INTEGER NOT NULL,
  input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL, usd REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_at ON calls (at);
CREATE INDEX IF NOT EXISTS calls_run ON calls (run);
CREATE TABLE IF NOT EXISTS kin (run TEXT NOT NULL, ancestor TEXT NOT NULL, PRIMARY KEY (run, ancestor)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS read_up_to (log TEXT PRIMARY KEY, inode INTEGER NOT NULL, offset INTEGER NOT NULL);
"""
_OF_RUN = "SELECT TOTAL(usd) FROM calls WHERE run = ?"


_OF_FAMILY = "SELECT TOTAL(usd) FROM calls WHERE run = ?1 OR run IN (SELECT run FROM kin WHERE ancestor = ?1)"


class Spent(NamedTuple):
    """USD: of a run and those that its agent started in all, of its person and of everybody since midnight UTC."""

    run: float
    person: float
    day: float


class Books:
    """One connection; its thread is the only one that writes."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def up_to(self, log: str) -> tuple[int, int]:
        """The inode of an access log and the offset it was read up to."""
        row = self._connection.execute("SELECT inode, offset FROM read_up_to WHERE log = ?", (log,)).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def note(self, log: str, inode: int, offset: int, calls: Iterable[tuple[Any, ...]] = ()) -> None:
        """Write down calls (rows of `row`), and that the log was read up to there."""
        with self._connection:
            self._connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", calls)
            self._connection.execute("INSERT OR REPLACE INTO read_up_to VALUES (?, ?, ?)", (log, inode, offset))

    def relate(self, kin: Iterable[tuple[str, str]]) -> None:
        """What a run costs counts to an ancestor's budget too: pairs of both."""
        with self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO kin VALUES (?, ?)", kin)

    def forget(self, now: float) -> None:
        """Drop what is older than 400 days."""
        with self._connection:
            self._connection.execute("DELETE FROM calls WHERE at < ?", (now - _KEPT_S,))
            self._connection.execute(
                "DELETE FROM kin WHERE run NOT IN (SELECT run FROM calls) AND ancestor NOT IN (SELECT run FROM calls)"
            )

    def spent(self, run: str, person: str, now: float) -> Spent:
        """What was spent up to now."""
        since = midnight(now)
        return Spent(
            self._sum(_OF_FAMILY, run),
            self._sum("SELECT TOTAL(usd) FROM calls WHERE at >= ? AND person = ?", since, person),
            self._sum("SELECT TOTAL(usd) FROM calls WHERE at >= ?", since),
        )

    def _sum(self, query: str, *values: object) -> float:
        return float(self._connection.execute(query, values).fetchone()[0])


def midnight(now: float) -> float:
    """When the day of `now` began, UTC, in epoch seconds."""
    return now - now % 86_400


def row(line: bytes, persons: dict[str, str]) -> tuple[Any, ...] | None:
    """A line of the model's access log as a row of `calls`; None for one that cost nothing or is no line of ours."""
    try:
        found = json.loads(line)
        tokens: dict[str, Any] = found["tokens"] or {}
        if "input_tokens" not in tokens or str(found["path"]).startswith("/v1/messages/count_tokens"):
            return None
        run, model = str(found["run"]), str(tokens.get("model", ""))
        counts = [int(tokens.get(name, 0)) for name in _COUNTED]
        return (
            float(found["at"]),
            run,
            persons.get(run, ""),
            model,
            int(found["status"]),
            *counts,
            prices.usd(model, tokens),
        )
    except (ValueError, KeyError, TypeError):
        return None


_COUNTED = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def new_lines(path: str, known: tuple[int, int], limit: int = 1 << 22) -> tuple[list[bytes], int, int]:
    """Whole lines of a log after what is known of it, its inode, and the offset behind them; first those of one set aside."""
    for place in (f"{path}.1", path):
        try:
            with open(place, "rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                if place != path and inode != known[0]:
                    continue
                offset = known[1] if known[0] == inode else 0
                file.seek(offset)
                data = file.read(limit)
        except FileNotFoundError:
            continue
        if end := data.rfind(b"\n") + 1:
            return data[:end].splitlines(), inode, offset + end
    return [], 0, 0


_BY = """
SELECT CASE ? WHEN 'day' THEN CAST(at / 86400 AS INTEGER) WHEN 'person' THEN person WHEN 'model' THEN model ELSE run END AS what,
  TOTAL(usd), COUNT(*), TOTAL(input + cache_read + cache_write), TOTAL(output)
FROM calls WHERE at >= ? GROUP BY what ORDER BY 2 DESC
"""


def usage(path: str, days: int, runs: Iterable[str] = (), now: float | None = None) -> dict[str, Any]:
    """For people: spend by day, and today's by person, by model and by run; USD. `totals` is what the given `runs` cost in all."""
    since = midnight(time.time() if now is None else now)
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:

        def by(what: str, start: float) -> list[list[Any]]:
            return [list(each) for each in connection.execute(_BY, (what, start))]

        return {
            "days": sorted(by("day", since - (days - 1) * 86_400)),
            "people": by("person", since),
            "models": by("model", since),
            "runs": by("run", since),
            "totals": {run: connection.execute(_OF_RUN, (run,)).fetchone()[0] for run in runs},
        }
    finally:
        connection.close()
