"""A run is one session for as long as its directory is there: over turns, and over containers that end and are woken."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from tests.vps.conftest import RUN_S, Machine
from vps import inbox
from vps.errors import RunEnded
from vps.outcome import Ending
from vps.shell import cmd


async def say(machine: Machine, name: str, text: str) -> str:
    message_id = str(uuid.uuid4())
    assert not await inbox.say(machine.relay, name, text, message_id)
    return message_id


async def turns(machine: Machine, name: str, count: int) -> None:
    """Wait until so many of its turns have ended."""
    log = machine.root / "runs" / name / "out" / "out.jsonl"
    async with asyncio.timeout(RUN_S):
        while log.read_bytes().count(b'"subtype": "turn_ended"') < count:
            await asyncio.sleep(0.05)


async def idle(machine: Machine, name: str) -> None:
    """Wait until a run is known to be idle, which is written down behind the end of its turn."""
    async with asyncio.timeout(RUN_S):
        while not (run := await machine.runs.describe(name)).idle:
            assert run.alive
            await asyncio.sleep(0.05)


async def asleep(machine: Machine, name: str) -> None:
    async with asyncio.timeout(RUN_S):
        while (await machine.runs.describe(name)).alive:
            await asyncio.sleep(0.05)


async def other_workspace(machine: Machine) -> str:
    path = machine.root / "workspaces" / "other"
    await machine.relay.run(cmd("mkdir", "-p", str(path)))
    return str(path)


def asked(machine: Machine) -> str:
    """The conversation that the model was given last."""
    last = [request for request in machine.model.requests if request.is_work][-1]
    return json.dumps(last.body["messages"])


async def test_a_session_goes_on_warm_and_woken_and_after_its_container_was_killed(machine: Machine) -> None:
    machine.use(idle_s=60)
    name = await machine.start("scenario:sleep:8")
    await machine.seen(name, b'"tool_use"')
    await say(machine, name, "In the middle of a tool.")
    await turns(machine, name, 1)
    await idle(machine, name)
    container = await machine.docker("inspect", "--format", "{{.Id}}", name)

    await say(machine, name, "scenario:ok warm")
    await turns(machine, name, 2)
    assert await machine.docker("inspect", "--format", "{{.Id}}", name) == container

    await machine.relay.ask("order", {"name": name, "order": {"op": "sleep"}})
    await asleep(machine, name)
    await say(machine, name, "scenario:ok woken")
    await turns(machine, name, 3)
    assert await machine.docker("inspect", "--format", "{{.Id}}", name) != container

    await machine.docker("kill", name)
    await asleep(machine, name)
    again = await say(machine, name, "scenario:ok after the kill")
    await turns(machine, name, 4)
    assert await inbox.say(machine.relay, name, "scenario:ok after the kill", again), "a repetition starts nothing"
    texts = ["scenario:sleep:8", "In the middle of a tool.", "ok warm", "ok woken", "ok after the kill"]
    assert [asked(machine).count(text) for text in texts] == [1, 1, 1, 1, 1]
    assert [asked(machine).index(text) for text in texts] == sorted(asked(machine).index(text) for text in texts)

    await machine.runs.stop(name)
    ended = await machine.ended(name)
    assert ended.outcome.ending is Ending.STOPPED


async def test_who_is_idle_makes_room_for_others_in_its_workspace_and_waits_for_them(machine: Machine) -> None:
    machine.use(idle_s=60)
    first = await machine.start("scenario:ok")
    await turns(machine, first, 1)
    await idle(machine, first)
    second = await machine.start("scenario:sleep:300")
    assert not (await machine.runs.describe(first)).alive
    await say(machine, first, "scenario:ok again")
    waiting = (await machine.runs.describe(first)).waiting
    assert waiting is not None
    assert waiting.why == f"{second}, which works in its workspace"
    aside = await machine.start("scenario:ok", workspace=await other_workspace(machine))
    await turns(machine, aside, 1)
    assert (await machine.runs.describe(first)).waiting, "it holds up nobody else"

    await machine.runs.stop(second)
    await turns(machine, first, 2)
    await idle(machine, first)


async def test_an_interrupt_ends_the_turn_and_keeps_the_session(machine: Machine) -> None:
    machine.use(idle_s=60)
    name = await machine.start("scenario:sleep:300")
    await machine.seen(name, b'"tool_use"')
    assert await inbox.interrupt(machine.relay, name)
    await turns(machine, name, 1)
    await say(machine, name, "scenario:ok instead")
    await turns(machine, name, 2)
    assert "ok instead" in asked(machine)

    await say(machine, name, "scenario:sleep:300 once more")
    await machine.seen(name, b"once more")
    stopping = asyncio.create_task(machine.runs.stop(name))
    await machine.seen(name, b'"stopping"')
    await say(machine, name, "scenario:ok although it was stopped")
    await stopping
    await turns(machine, name, 3)
    assert asked(machine).count("although it was stopped") == 1


async def test_what_cannot_be_woken_says_why(machine: Machine) -> None:
    name = await machine.start("scenario:ok")
    await asleep(machine, name)
    await machine.relay.run(cmd("rm", "-rf", f"{machine.root}/sessions/{name}"))
    with pytest.raises(RunEnded, match="session was removed"):
        await say(machine, name, "hello?")
    other = await other_workspace(machine)
    name = await machine.start("scenario:ok", workspace=other)
    await asleep(machine, name)
    await machine.relay.run(cmd("rm", "-rf", other))
    with pytest.raises(RunEnded, match="workspace other is gone"):
        await say(machine, name, "hello?")
