"""What the bot remembers of threads survives it; a file that it cannot use is set aside, never overwritten."""

from __future__ import annotations

import re
import sqlite3
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.attached import Offered
from bot.render.blocks import Attachment
from bot.store import Body, MessageRow, ReplyRow, SpawnRow, ThreadRow, digest, open_store
from bot.store_schema import VERSION
from vps.models import Origin

ROW = ThreadRow("claude-agent-1795300000000-a1b2c3", 10, 20, None, ended=False)
BODY = Body("text", (Attachment("a.txt", b"\xff\x00"),))
MESSAGE = MessageRow(0, 0, 3, 100, 900, "d", body=BODY)


async def test_rows_are_there_after_it_was_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "agentflow.sqlite3"
    async with open_store(path) as store:
        made_at = store.made_at
        await store.save_thread(ROW)
        await store.save_message(ROW.run, MESSAGE.sent(30))
        await store.save_message(ROW.run, MessageRow(1, 4, 4, 900, 950, "e", body=BODY, kind="end"))
    async with open_store(path) as store:
        assert await store.thread(ROW.run) == ROW
        assert await store.run_of(20) == ROW.run
        assert await store.messages(ROW.run) == [
            MessageRow(0, 0, 3, 100, 900, "d", 30),
            MessageRow(1, 4, 4, 900, 950, "e", body=BODY, kind="end"),
        ]
        assert store.made_at == made_at > 0


async def test_a_later_row_takes_the_place_of_an_earlier(tmp_path: Path) -> None:
    ended = ThreadRow(ROW.run, 10, 20, 40, ended=True)
    async with open_store(tmp_path / "db") as store:
        for row in (ROW, ended):
            await store.save_thread(row)
        for message in (MESSAGE, MESSAGE.sent(31)):
            await store.save_message(ROW.run, message)
        assert await store.thread(ROW.run) == ended
        assert await store.messages(ROW.run) == [MESSAGE.sent(31)]


async def test_spawns_under_way_are_there_until_they_are_forgotten(tmp_path: Path) -> None:
    origin = Origin(caller="discord:1", surface="discord", channel_id=7)
    files = (Offered(5, "a.png", 7, "https://cdn.example.com/a.png?ex=1"),)
    rows = [SpawnRow(number, f"run-{number}", {"task": "x", "cpus": 1.5}, origin, files) for number in (2, 1)]
    anchored = replace(rows[1], origin=origin.model_copy(update={"thread_id": 9}))
    async with open_store(tmp_path / "db") as store:
        for row in (*rows, anchored):
            await store.save_spawn(row)
    async with open_store(tmp_path / "db") as store:
        assert await store.spawns() == [anchored, rows[0]]
        await store.forget_spawn(1)
        assert await store.spawns() == [rows[0]]


async def test_what_is_unknown_is_none(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        assert await store.thread("claude-agent-1") is None
        assert await store.run_of(1) is None
        assert await store.messages("claude-agent-1") == []


async def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    async with open_store(tmp_path / "state" / "db"):
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_digest_tells_texts_and_names_apart() -> None:
    assert len({digest("a", []), digest("b", []), digest("a", ["b"]), digest("\ud800", [])}) == 4


async def test_a_file_of_the_version_before_is_brought_up_to_date(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db") as old:
        old.executescript("""
            CREATE TABLE threads (run TEXT PRIMARY KEY, channel_id INTEGER NOT NULL, thread_id INTEGER NOT NULL,
                card_id INTEGER, ended INTEGER NOT NULL DEFAULT 0) STRICT;
            CREATE TABLE blocks (run TEXT NOT NULL, number INTEGER NOT NULL, message_id INTEGER NOT NULL, digest TEXT NOT NULL,
                PRIMARY KEY (run, number)) STRICT;
            INSERT INTO threads VALUES ('r', 10, 20, 40, 1); INSERT INTO blocks VALUES ('r', 0, 30, 'd');
        """)
    old.close()
    async with open_store(tmp_path / "db") as store:
        assert await store.thread("r") == ThreadRow("r", 10, 20, 40, ended=True)
        assert await store.messages("r") == [MessageRow(0, 0, 0, -1, -1, "d", 30)]
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


async def test_from_version_2_on_only_what_is_typed_from_then_on_is_heard(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        await store.save_thread(ROW)
        made_at = store.made_at
    with sqlite3.connect(tmp_path / "db") as old:
        old.executescript("DROP TABLE heard; DROP TABLE replies; DROP TABLE spawns; PRAGMA user_version = 2")
    old.close()
    before = time.time() * 1000
    async with open_store(tmp_path / "db") as store:
        heard = await store.heard(ROW.run)
        assert heard is not None
        assert before - 1000 <= (heard >> 22) + 1_420_070_400_000 <= time.time() * 1000 + 1000
        assert await store.replies(ROW.run) == []
        assert await store.heard("another") is None
        assert (await store.thread(ROW.run), store.made_at) == (ROW, made_at)
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_from_version_3_on_everything_is_kept(tmp_path: Path, version: int) -> None:
    row = SpawnRow(1, "run", {"task": "x"}, Origin(caller="discord:1", surface="discord"))
    async with open_store(tmp_path / "db") as store:
        await store.save_thread(ROW)
        await store.save_heard(ROW.run, 30)
        await store.save_reply(ROW.run, ReplyRow(30, "taken", "u3"))
        await store.save_spawn(row)
    with sqlite3.connect(tmp_path / "db") as old:
        later = ("said", "author") if version < 5 else ()
        columns = "".join(f"ALTER TABLE replies DROP COLUMN {each};" for each in later)
        spawns = "DROP TABLE spawns;" if version == 3 else "ALTER TABLE spawns DROP COLUMN files;"
        old.executescript(f"{columns} {spawns} PRAGMA user_version = {version}")
    old.close()
    async with open_store(tmp_path / "db") as store:
        assert await store.replies(ROW.run) == [ReplyRow(30, "taken", "u3")]
        assert await store.spawns() == ([] if version == 3 else [row])
        assert (await store.thread(ROW.run), await store.heard(ROW.run)) == (ROW, 30)
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


async def test_what_was_heard_is_remembered_and_goes_forward_only(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        assert await store.heard(ROW.run) is None
        for message in (10, 30, 20):
            await store.save_heard(ROW.run, message)
        await store.save_reply(ROW.run, ReplyRow(30, "queued", "u3"))
        await store.save_reply(ROW.run, ReplyRow(10, "refused", "ended"))
        await store.save_reply(ROW.run, ReplyRow(30, "taken", "u3", "words", 7))
        await store.save_thread(ROW)
    async with open_store(tmp_path / "db") as store:
        assert await store.heard(ROW.run) == 30
        assert await store.replies(ROW.run) == [
            ReplyRow(10, "refused", "ended"),
            ReplyRow(30, "taken", "u3", "words", 7),
        ]
        assert await store.thread_of(ROW.thread_id) == ROW
        assert await store.thread_of(1) is None


def newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.executescript(
            f"CREATE TABLE x (y); PRAGMA application_id = {0x41674677}; PRAGMA user_version = {VERSION + 1}"
        )
    database.close()


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE customers (name)")
    database.close()


def truncated(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE threads (name)")
        database.executemany("INSERT INTO threads VALUES (?)", [("x" * 100,)] * 1000)
    database.close()
    path.write_bytes(path.read_bytes()[:20_000])


def text(path: Path) -> None:
    path.write_text("not a database " * 500)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(newer, "version"), (foreign, "another program's"), (truncated, "malformed|damaged"), (text, "not a database")],
)
async def test_a_file_that_cannot_be_used_is_set_aside_said_so_and_made_anew(
    spoil: object, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "agentflow.sqlite3"
    assert callable(spoil)
    spoil(path)
    before = path.read_bytes()
    with capture_logs() as logged:
        async with open_store(path) as store:
            assert await store.thread(ROW.run) is None
            await store.save_thread(ROW)
    (aside,) = tmp_path.glob("agentflow.sqlite3.unusable-*")
    assert aside.read_bytes() == before
    (said,) = logged
    assert said["log_level"] == "warning"
    assert re.search(why, said["why"]), said
