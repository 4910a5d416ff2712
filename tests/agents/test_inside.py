"""What an agent asks for from inside is answered, also where the host cannot take the answer at once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents import inside
from agents.crew import Crew
from agents.inside import Errands, Means
from vps.errors import DiskFull, HostUnreachable
from vps.events.types import AgentCall
from vps.models import RunRecord

RECORD = RunRecord(name="claude-agent-1790000000000-abcdef", task="x")


async def test_an_answer_waits_for_room_on_the_disk_as_for_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    troubles = [DiskFull("OSError: [Errno 28] No space left on device."), HostUnreachable("There is no connection.")]
    told, made = asyncio.Event(), list[str]()

    async def ask(verb: str, request: dict[str, Any], *, timeout: float) -> dict[str, Any]:
        assert (verb, request["id"]) == ("say", "result-c1")
        assert timeout > 0
        if troubles:
            raise troubles.pop()
        told.set()
        return {"state": "queued"}

    async def result(_errands: Errands, call: AgentCall) -> dict[str, Any]:
        made.append(call.id)
        return {"ok": True, "text": "done"}

    monkeypatch.setattr(inside, "_AGAIN_S", 0.01)
    monkeypatch.setattr(Errands, "_result", result)
    crew = SimpleNamespace(relay=SimpleNamespace(ask=ask))
    errands = Errands(cast("Crew", crew), RECORD, cast("Means", None), 0)
    errands.feed(AgentCall("c1", "list_children", 1.0))
    errands.read(10)
    async with asyncio.timeout(5):
        await told.wait()
    await errands.close()
    assert made == ["c1"], "it is done once"
