"""What is kept of conversations, and what becomes of a file that cannot be used."""

from __future__ import annotations

import time
from pathlib import Path

from agents.talk.memory import said
from bot.talk_store import TalkRow, open_talks


async def test_a_conversation_and_an_answer_under_way_are_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "state" / "talks.sqlite3"
    row = TalkRow(7, "talk-1790000000000-abcdef", 0, [[said("hello")]])
    async with open_talks(path) as store:
        await store.save(row)
        await store.save(TalkRow(8, row.name, 0))
        await store.forget(8)
        await store.begin(7, 70)
        await store.begin(7, 71)
    async with open_talks(path) as store:
        assert await store.talk(7) == row
        assert await store.talk(8) is None
        assert await store.under_way() == {7: 71}
        await store.end(7)
        assert await store.under_way() == {}


async def test_how_far_a_place_was_heard_never_goes_back(tmp_path: Path) -> None:
    async with open_talks(tmp_path / "talks.sqlite3") as store:
        await store.save(TalkRow(7, "talk-1790000000000-abcdef", 700))
        for heard in (80, 82, 81):
            await store.hear(8, heard)
        assert await store.heard(since=0) == {7: 700, 8: 82}
        assert await store.heard(since=time.time() + 60) == {8: 82}
        await store.drop(8)
        assert await store.heard(since=0) == {7: 700}


async def test_a_file_that_cannot_be_used_is_set_aside_and_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "talks.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    async with open_talks(path) as store:
        assert await store.talk(7) is None
    assert [each.name for each in tmp_path.glob("*unusable*")]
