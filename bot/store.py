"""What the bot has to remember of threads: SQLite in the state directory.

Nothing in it but the spawns of a moment is irreplaceable: messages carry marks (see bot.marks), runs their thread's id. So a file
that cannot be used is set aside, said so, and made anew.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import aiosqlite

from bot.attached import Offered
from bot.database import opened
from bot.render.blocks import Attachment
from bot.store_schema import prepare
from vps.models import Origin

ReplyState = Literal["queued", "taken", "missed", "refused", "withdrawn", "told"]


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """A person's message in a run's thread: the host has it, the CLI took it or had not when it ended, it was not passed on, it was
    taken back, or it was edited once the CLI had taken it, and that was answered.

    `about` is its id in the inbox, or what it was refused for. `said` is a digest of its words and `author` the one who wrote it,
    empty and 0 in rows of earlier versions.
    """

    message_id: int
    state: ReplyState
    about: str
    said: str = ""
    author: int = 0


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A run's thread. `card_id` is None until the card was sent.

    `ended` is 0 until the thread holds the run's end, and then how many bytes the log had: more means that the run was woken since.
    Earlier versions wrote 1.
    """

    run: str
    channel_id: int
    thread_id: int
    card_id: int | None
    ended: int

    def tells_all_of(self, size: int) -> bool:
        """Whether the thread holds the end of a run that has ended with a log of that size."""
        return self.ended == 1 or 0 < size <= self.ended


@dataclass(frozen=True, slots=True)
class SpawnRow:
    """A spawn that is under way, by its interaction's id: the run's name, the tool's parameters, and who asked from where.

    The origin's `thread_id` is the anchor's, None until that was sent.
    """

    call_id: int
    run: str
    given: dict[str, Any]
    origin: Origin
    files: tuple[Offered, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """What a message is to show."""

    text: str
    files: tuple[Attachment, ...] = ()
    asks: tuple[str, ...] = ()
    """What people may answer with a button. They stay as they are when the message changes."""

    @property
    def digest(self) -> str:
        """A short name of it, to tell whether a message has to be edited."""
        return digest(self.text, [file.name for file in self.files])


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message of a thread, in order of `number` from 0: it carries blocks `first` to `last`, of which the last begins at
    byte `start` of the log; the last byte that shaped any of them is before `end`.

    `body` is there until Discord is known to have it, `message_id` from then on.
    """

    number: int
    first: int
    last: int
    start: int
    end: int
    digest: str
    message_id: int | None = None
    body: Body | None = None
    kind: Literal["part", "end"] = "part"

    def sent(self, message_id: int) -> MessageRow:
        """The same, once Discord has it."""
        return replace(self, message_id=message_id, body=None)


class Store:
    """One connection. What a method wrote is there after the process was killed."""

    def __init__(self, database: aiosqlite.Connection, made_at: float) -> None:
        self._database = database
        self.made_at = made_at
        """Epoch seconds: what ended before may have been told by a store that was lost."""

    async def thread(self, run: str) -> ThreadRow | None:
        """The run's thread, if it has one."""
        query = "SELECT run, channel_id, thread_id, card_id, ended FROM threads WHERE run = ?"
        async with self._database.execute(query, (run,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None else ThreadRow(*row)

    async def run_of(self, thread_id: int) -> str | None:
        """The run whose thread this is."""
        async with self._database.execute("SELECT run FROM threads WHERE thread_id = ?", (thread_id,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None else str(row[0])

    async def save_thread(self, row: ThreadRow) -> None:
        """Remember or update a run's thread."""
        values = (row.run, row.channel_id, row.thread_id, row.card_id, int(row.ended))
        await self._write("INSERT OR REPLACE INTO threads VALUES (?, ?, ?, ?, ?)", values)

    async def thread_of(self, thread_id: int) -> ThreadRow | None:
        """The thread of that id, if it is a run's."""
        run = await self.run_of(thread_id)
        return None if run is None else await self.thread(run)

    async def heard(self, run: str) -> int | None:
        """The message up to which all that people typed in its thread was dealt with."""
        async with self._database.execute("SELECT message_id FROM heard WHERE run = ?", (run,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None else int(row[0])

    async def save_heard(self, run: str, message_id: int) -> None:
        """Remember that; it only moves forward."""
        statement = "INSERT INTO heard VALUES (?, ?) ON CONFLICT DO UPDATE SET message_id = max(message_id, excluded.message_id)"
        await self._write(statement, (run, message_id))

    async def replies(self, run: str) -> list[ReplyRow]:
        """What people typed in its thread, as far as it was dealt with, in order."""
        query = "SELECT message_id, state, about, said, author FROM replies WHERE run = ? ORDER BY message_id"
        async with self._database.execute(query, (run,)) as cursor:
            return [ReplyRow(*row) async for row in cursor]

    async def save_reply(self, run: str, row: ReplyRow) -> None:
        """Remember or update one of them."""
        values = (run, row.message_id, row.state, row.about, row.said, row.author)
        await self._write("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?)", values)

    async def fact(self, name: str) -> str | None:
        """What was remembered under that name."""
        async with self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)) as cursor:
            row = await cursor.fetchone()
        return None if row is None else str(row[0])

    async def save_fact(self, name: str, value: str) -> None:
        """Remember it, or something else than before."""
        await self._write("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    async def forget_fact(self, name: str) -> None:
        """It is needed no more."""
        await self._write("DELETE FROM facts WHERE name = ?", (name,))

    async def spawns(self) -> list[SpawnRow]:
        """Those under way, in the order in which they were asked for."""
        query = "SELECT call_id, run, given, origin, files FROM spawns ORDER BY call_id"
        async with self._database.execute(query) as cursor:
            return [_spawn(tuple(row)) async for row in cursor]

    async def save_spawn(self, row: SpawnRow) -> None:
        """Remember or update one."""
        files = json.dumps([asdict(file) for file in row.files])
        values = (row.call_id, row.run, json.dumps(row.given), row.origin.model_dump_json(), files)
        await self._write("INSERT OR REPLACE INTO spawns VALUES (?, ?, ?, ?, ?)", values)

    async def forget_spawn(self, call_id: int) -> None:
        """It is there, or was refused."""
        await self._write("DELETE FROM spawns WHERE call_id = ?", (call_id,))

    async def messages(self, run: str) -> list[MessageRow]:
        """A run's messages, in order."""
        query = "SELECT number, first, last, start, end, digest, message_id, body, kind FROM messages WHERE run = ? ORDER BY number"
        async with self._database.execute(query, (run,)) as cursor:
            return [_message(tuple(row)) async for row in cursor]

    async def save_message(self, run: str, row: MessageRow) -> None:
        """Remember what a message is to show or shows."""
        body = None if row.body is None else _written(row.body)
        values = (run, row.number, row.kind, row.first, row.last, row.start, row.end, row.digest, row.message_id, body)
        await self._write("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    async def _write(self, statement: str, values: Sequence[object]) -> None:
        async with self._database.execute(statement, values):
            pass


def digest(text: str, names: Sequence[str]) -> str:
    """A short name of a text and its files."""
    return hashlib.sha256("\0".join([text, *names]).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _message(row: tuple[Any, ...]) -> MessageRow:
    number, first, last, start, end, shown, message_id, body, kind = row
    return MessageRow(number, first, last, start, end, shown, message_id, _read(body), kind)


def _spawn(row: tuple[Any, ...]) -> SpawnRow:
    call_id, run, given, origin, files = row
    offered = tuple(Offered(**each) for each in json.loads(files))
    return SpawnRow(call_id, run, json.loads(given), Origin.model_validate_json(origin), offered)


def _written(body: Body) -> str:
    files = [[file.name, base64.b64encode(file.content).decode("ascii")] for file in body.files]
    return json.dumps({"text": body.text, "files": files, "asks": body.asks})


def _read(text: str | None) -> Body | None:
    if text is None:
        return None
    found = json.loads(text)
    files = tuple(Attachment(name, base64.b64decode(content)) for name, content in found["files"])
    return Body(found["text"], files, tuple(found.get("asks", ())))


@contextlib.asynccontextmanager
async def open_store(path: Path) -> AsyncGenerator[Store]:
    """Open or make the database; its directory is made private."""
    database = await opened(path, prepare, "state file set aside; what threads show is read from them")
    try:
        async with database.execute("SELECT value FROM facts WHERE name = 'made_at'") as cursor:
            row = await cursor.fetchone()
        yield Store(database, float(row[0]) if row else 0.0)
    finally:
        await database.close()
