"""A SQLite file of the bot's: one that cannot be used is set aside, and made anew."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite
import structlog

log = structlog.get_logger()

Prepare = Callable[[aiosqlite.Connection], Awaitable[None]]


class Unusable(Exception):
    """Why the file there is none of ours."""


async def opened(path: Path, prepare: Prepare, lost: str) -> aiosqlite.Connection:
    """Open or make it; its directory is made private. `prepare` brings the schema up to date, or raises Unusable; `lost` tells what
    it means where the file is begun anew."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return await _connected(path, prepare)
    except (Unusable, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
            raise  # a full disk or a missing right is no reason to begin anew
        aside = _set_aside(path)
        await log.awarning(lost, file=str(path), why=str(error), now=str(aside))
    return await _connected(path, prepare)


async def value(database: aiosqlite.Connection, query: str) -> object:
    """The first column of the first row; None where there is none."""
    async with database.execute(query) as cursor:
        row = await cursor.fetchone()
    return row[0] if row else None


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.unusable-{time.time_ns()}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


async def _connected(path: Path, prepare: Prepare) -> aiosqlite.Connection:
    database = await aiosqlite.connect(path, isolation_level=None)
    try:
        await prepare(database)
    except BaseException:
        await database.close()
        raise
    return database
