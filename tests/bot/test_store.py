"""What the bot remembers of threads survives it."""

from __future__ import annotations

import stat
from pathlib import Path

from bot.store import BlockRow, ThreadRow, digest, open_store

ROW = ThreadRow("claude-agent-1795300000000-a1b2c3", 10, 20, None, ended=False)


async def test_rows_are_there_after_it_was_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "agentflow.sqlite3"
    async with open_store(path) as store:
        await store.save_thread(ROW)
        await store.save_block(ROW.run, 0, BlockRow(30, "a"))
        await store.save_block(ROW.run, 1, BlockRow(31, "b"))
    async with open_store(path) as store:
        assert await store.thread(ROW.run) == ROW
        assert await store.run_of(20) == ROW.run
        assert await store.blocks(ROW.run) == {0: BlockRow(30, "a"), 1: BlockRow(31, "b")}


async def test_a_later_row_takes_the_place_of_an_earlier(tmp_path: Path) -> None:
    ended = ThreadRow(ROW.run, 10, 20, 40, ended=True)
    async with open_store(tmp_path / "db") as store:
        for row in (ROW, ended):
            await store.save_thread(row)
        for mark in ("a", "b"):
            await store.save_block(ROW.run, 0, BlockRow(30, mark))
        assert await store.thread(ROW.run) == ended
        assert await store.blocks(ROW.run) == {0: BlockRow(30, "b")}


async def test_what_is_unknown_is_none(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        assert await store.thread("claude-agent-1") is None
        assert await store.run_of(1) is None
        assert await store.blocks("claude-agent-1") == {}


async def test_its_directory_is_private(tmp_path: Path) -> None:
    async with open_store(tmp_path / "state" / "db"):
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_digest_tells_texts_apart_even_broken_ones() -> None:
    assert digest("a") == digest("a") != digest("b")
    assert len(digest("\ud800")) == 16
