"""What the bot has to remember of threads: SQLite in the state directory."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

_SCHEMA = """
CREATE TABLE IF NOT EXISTS threads (
    run TEXT PRIMARY KEY, channel_id INTEGER NOT NULL, thread_id INTEGER NOT NULL, card_id INTEGER, ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS blocks (
    run TEXT NOT NULL, number INTEGER NOT NULL, message_id INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (run, number)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A run's thread. `card_id` is None until the card was sent."""

    run: str
    channel_id: int
    thread_id: int
    card_id: int | None
    ended: bool


@dataclass(frozen=True, slots=True)
class BlockRow:
    """The message that carries one block, and the digest of what it shows."""

    message_id: int
    digest: str


class Store:
    """One connection; every method commits what it writes."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database

    async def thread(self, run: str) -> ThreadRow | None:
        """The run's thread, if it has one."""
        query = "SELECT run, channel_id, thread_id, card_id, ended FROM threads WHERE run = ?"
        async with self._database.execute(query, (run,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None else ThreadRow(row[0], row[1], row[2], row[3], bool(row[4]))

    async def run_of(self, thread_id: int) -> str | None:
        """The run whose thread this is."""
        async with self._database.execute("SELECT run FROM threads WHERE thread_id = ?", (thread_id,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None else str(row[0])

    async def save_thread(self, row: ThreadRow) -> None:
        """Remember or update a run's thread."""
        values = (row.run, row.channel_id, row.thread_id, row.card_id, int(row.ended))
        await self._database.execute("INSERT OR REPLACE INTO threads VALUES (?, ?, ?, ?, ?)", values)
        await self._database.commit()

    async def blocks(self, run: str) -> dict[int, BlockRow]:
        """What was sent of a run so far."""
        query = "SELECT number, message_id, digest FROM blocks WHERE run = ?"
        async with self._database.execute(query, (run,)) as cursor:
            return {row[0]: BlockRow(row[1], row[2]) async for row in cursor}

    async def save_block(self, run: str, number: int, row: BlockRow) -> None:
        """Remember what a message shows."""
        values = (run, number, row.message_id, row.digest)
        await self._database.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)", values)
        await self._database.commit()


def digest(text: str) -> str:
    """A short name of a text, to tell whether a message has to be edited."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@contextlib.asynccontextmanager
async def open_store(path: Path) -> AsyncGenerator[Store]:
    """Open or make the database; its directory is made private."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with aiosqlite.connect(path) as database:
        await database.execute("PRAGMA journal_mode = WAL")
        await database.executescript(_SCHEMA)
        yield Store(database)
