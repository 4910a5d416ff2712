"""A run's thread by itself: what it does with a message that Discord takes in no form."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from bot.render.batches import Batch
from bot.store import ThreadRow, open_store
from bot.thread import RunThread

RUN = "claude-agent-1-abcdef"


async def test_where_discord_takes_nothing_at_all_the_message_waits_in_the_store(tmp_path: Path) -> None:
    tried = list[str]()

    async def send(text: str, **_: object) -> None:
        tried.append(text)
        answer = cast("Any", SimpleNamespace(status=400, reason="Bad Request"))
        raise discord.HTTPException(answer, {"code": 160005, "message": "This thread is locked"})

    async def history(**_: object) -> AsyncGenerator[Any]:
        for each in ():
            yield each

    async def refused(_why: str) -> None:
        raise AssertionError

    where = SimpleNamespace(send=send, history=history)

    def partial(channel: int) -> Any:
        assert channel == 2
        return where

    client = SimpleNamespace(user=SimpleNamespace(id=1), get_partial_messageable=partial)
    async with open_store(tmp_path / "state.sqlite3") as store:
        thread = RunThread(cast("discord.Client", client), store, ThreadRow(RUN, 1, 2, None, 0), refused)
        with pytest.raises(discord.HTTPException):
            await thread.send(Batch(0, 0, 0, 10, "All is well."))
        (row,) = await store.messages(RUN)
    assert len(tried) == 3
    assert row.message_id is None
    assert row.body is not None
    assert row.body.text == "All is well."
