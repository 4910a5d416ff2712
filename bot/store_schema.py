"""The schema of `bot.store`, and what becomes of files of earlier versions."""

from __future__ import annotations

import aiosqlite

from bot.database import Unusable, value

VERSION = 6
_OURS = 0x41674677
"""SQLite's application_id: "AgFw"."""
_SCHEMA = """
CREATE TABLE threads (
    run TEXT PRIMARY KEY, channel_id INTEGER NOT NULL, thread_id INTEGER NOT NULL, card_id INTEGER, ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE messages (
    run TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    start INTEGER NOT NULL, end INTEGER NOT NULL, digest TEXT NOT NULL, message_id INTEGER, body TEXT, PRIMARY KEY (run, number)
) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_REPLIES = """
CREATE TABLE heard (run TEXT PRIMARY KEY, message_id INTEGER NOT NULL) STRICT;
CREATE TABLE replies (
    run TEXT NOT NULL, message_id INTEGER NOT NULL, state TEXT NOT NULL, about TEXT NOT NULL, said TEXT NOT NULL DEFAULT '',
    author INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (run, message_id)
) STRICT;
"""
_FROM_4 = """
ALTER TABLE replies ADD COLUMN said TEXT NOT NULL DEFAULT '';
ALTER TABLE replies ADD COLUMN author INTEGER NOT NULL DEFAULT 0;
"""
_FROM_5 = """
ALTER TABLE spawns ADD COLUMN files TEXT NOT NULL DEFAULT '[]';
"""
_SPAWNS = """
CREATE TABLE spawns (
    call_id INTEGER PRIMARY KEY, run TEXT NOT NULL, given TEXT NOT NULL, origin TEXT NOT NULL, files TEXT NOT NULL DEFAULT '[]'
) STRICT;
"""
# What was typed before then was never meant for an agent. Discord's ids count milliseconds from its epoch, in the upper bits.
_FROM_2 = """
INSERT INTO heard SELECT run, (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 1420070400000) << 22 FROM threads;
"""
# Messages of version 1 carry no mark and no range: their block's index is all that is known of them.
_FROM_1 = """
ALTER TABLE threads RENAME TO old_threads;
ALTER TABLE blocks RENAME TO old_blocks;
{schema}
INSERT INTO threads SELECT * FROM old_threads;
INSERT INTO messages SELECT run, number, 'part', number, number, -1, -1, digest, message_id, NULL FROM old_blocks;
DROP TABLE old_threads;
DROP TABLE old_blocks;
"""


async def prepare(database: aiosqlite.Connection) -> None:
    """Bring it up to date. Raises Unusable or sqlite3.DatabaseError."""
    checked = await value(database, "PRAGMA quick_check(1)")
    version, owner = await value(database, "PRAGMA user_version"), await value(database, "PRAGMA application_id")
    names = await value(database, "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    if checked != "ok":
        raise Unusable(f"it is damaged: {checked}")
    if owner == _OURS and isinstance(version, int) and version > VERSION:
        raise Unusable(f"it is of version {version}, this program knows up to {VERSION}")
    if names is None:
        await _become(database, _SCHEMA + _REPLIES + _SPAWNS)
    elif owner == 0 and set(str(names).split(",")) == {"threads", "blocks"}:
        await _become(database, _FROM_1.format(schema=_SCHEMA) + _REPLIES + _FROM_2 + _SPAWNS)
    elif owner == _OURS and version == 2:
        await _become(database, _REPLIES + _FROM_2 + _SPAWNS)
    elif owner == _OURS and version == 3:
        await _become(database, _FROM_4 + _SPAWNS)
    elif owner == _OURS and version == 4:
        await _become(database, _FROM_4 + _FROM_5)
    elif owner == _OURS and version == 5:
        await _become(database, _FROM_5)
    elif owner != _OURS:
        raise Unusable("it is another program's")
    await database.execute("PRAGMA journal_mode = WAL")
    # A power cut may take the last commits: what they said is read from the thread then.
    await database.execute("PRAGMA synchronous = NORMAL")


async def _become(database: aiosqlite.Connection, script: str) -> None:
    """All of a new schema or nothing of it."""
    made = "INSERT OR IGNORE INTO facts VALUES ('made_at', (julianday('now') - 2440587.5) * 86400);"
    pragmas = f"PRAGMA application_id = {_OURS}; PRAGMA user_version = {VERSION};"
    await database.executescript(f"BEGIN; {script} {made} {pragmas} COMMIT;")
