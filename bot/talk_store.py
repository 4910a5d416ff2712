"""What people talked about with the text agent: SQLite in the state directory, in a file of its own.

A file that cannot be used is set aside and made anew: what is lost is the memory of conversations, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import aiosqlite
import structlog

from agents.talk.memory import Turn
from bot.database import Unusable, opened, value

log = structlog.get_logger()

VERSION = 2
_OURS = 0x41675461
"""SQLite's application_id: "AgTa"."""
_KEPT_S = 90 * 86_400.0
_PLACES = ("talks", "channels")
_SCHEMA = """
CREATE TABLE talks (channel_id INTEGER PRIMARY KEY, name TEXT NOT NULL, heard INTEGER NOT NULL, turns TEXT NOT NULL,
  used_at REAL NOT NULL) STRICT;
CREATE TABLE channels (channel_id INTEGER PRIMARY KEY, heard INTEGER NOT NULL, used_at REAL NOT NULL) STRICT;
CREATE TABLE answers (channel_id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class TalkRow:
    """A conversation: where it is, its name at the gateway, which its budget hangs on, the last message that was heard there (its
    id), and what it remembers."""

    channel_id: int
    name: str
    heard: int
    turns: list[Turn] = field(default_factory=list[Turn])


class TalkStore:
    """One connection. What a method wrote is there after the process was killed."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database

    async def talk(self, channel_id: int) -> TalkRow | None:
        """The one in a channel, thread or direct messages."""
        query = "SELECT channel_id, name, heard, turns FROM talks WHERE channel_id = ?"
        async with self._database.execute(query, (channel_id,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None else TalkRow(row[0], row[1], row[2], json.loads(row[3]))

    async def save(self, row: TalkRow) -> None:
        """Remember or update one."""
        values = (row.channel_id, row.name, row.heard, json.dumps(row.turns), time.time())
        await self._write("INSERT OR REPLACE INTO talks VALUES (?, ?, ?, ?, ?)", values)

    async def forget(self, channel_id: int) -> None:
        """It begins anew."""
        await self._write("DELETE FROM talks WHERE channel_id = ?", (channel_id,))

    async def drop(self, channel_id: int) -> None:
        """The channel is gone."""
        for table in _PLACES:
            await self._write(f"DELETE FROM {table} WHERE channel_id = ?", (channel_id,))  # noqa: S608  names of ours

    async def hear(self, channel_id: int, message_id: int) -> None:
        """A channel that no conversation is in, but begins from, was heard up to that message."""
        statement = (
            "INSERT INTO channels VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
            "SET heard = max(heard, excluded.heard), used_at = excluded.used_at"
        )
        await self._write(statement, (channel_id, message_id, time.time()))

    async def heard(self, since: float) -> dict[int, int]:
        """The last message that was heard, by channel: of conversations in use since a time (epoch seconds), and of those that
        they begin from."""
        query = "SELECT channel_id, heard FROM talks WHERE used_at > ? UNION ALL SELECT channel_id, heard FROM channels"
        async with self._database.execute(query, (since,)) as cursor:
            return {int(row[0]): int(row[1]) async for row in cursor}

    async def under_way(self) -> dict[int, int]:
        """The answers that are not complete yet: message ids by channel."""
        async with self._database.execute("SELECT channel_id, message_id FROM answers") as cursor:
            return {int(row[0]): int(row[1]) async for row in cursor}

    async def begin(self, channel_id: int, message_id: int) -> None:
        """An answer is begun in that message."""
        await self._write("INSERT OR REPLACE INTO answers VALUES (?, ?)", (channel_id, message_id))

    async def end(self, channel_id: int) -> None:
        """It is complete, or was told not to be."""
        await self._write("DELETE FROM answers WHERE channel_id = ?", (channel_id,))

    async def _write(self, statement: str, values: tuple[object, ...]) -> None:
        async with self._database.execute(statement, values):
            pass


@contextlib.asynccontextmanager
async def open_talks(path: Path) -> AsyncGenerator[TalkStore]:
    """Open or make the database; its directory is made private."""
    database = await opened(path, _prepare, "conversations set aside; they begin anew")
    try:
        yield TalkStore(database)
    finally:
        await database.close()


async def _prepare(database: aiosqlite.Connection) -> None:
    checked = await value(database, "PRAGMA quick_check(1)")
    owner, version = await value(database, "PRAGMA application_id"), await value(database, "PRAGMA user_version")
    if checked != "ok":
        raise Unusable(f"it is damaged: {checked}")
    if not await value(database, "SELECT count(*) FROM sqlite_schema"):
        pragmas = f"PRAGMA application_id = {_OURS}; PRAGMA user_version = {VERSION};"
        await database.executescript(f"BEGIN; {_SCHEMA} {pragmas} COMMIT;")
    elif owner != _OURS or version != VERSION:
        raise Unusable("it is another program's, or of another version")
    await database.execute("PRAGMA journal_mode = WAL")
    await database.execute("PRAGMA synchronous = NORMAL")
    for table in _PLACES:
        await database.execute(f"DELETE FROM {table} WHERE used_at < ?", (time.time() - _KEPT_S,))  # noqa: S608  names of ours
