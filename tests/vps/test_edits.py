"""What is said to a run can be changed and taken back until its CLI takes it: a real CLI in real containers."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest

from tests.vps.conftest import KEY, RUN_S, Machine
from vps import inbox
from vps.errors import BadInput
from vps.testing.model import Answer, Conversation, ScriptedModel, bash, say


def script(conversation: Conversation) -> Answer:
    """Tools that wait for somebody to let them go on."""
    if conversation.task == "begin":
        return bash(f"until [ -e go-{len(conversation.rounds)} ]; do sleep 0.05; done", "Wait")
    return say("Done.")


def read(machine: Machine, number: int = -1) -> str:
    """What the model was given."""
    return json.dumps([request for request in machine.model.requests if request.is_work][number].body["messages"])


async def logged(machine: Machine, name: str, subtype: str, count: int) -> list[dict[str, Any]]:
    """Lines of the supervisor, once there are so many."""
    log = machine.root / "runs" / name / "out" / "out.jsonl"
    async with asyncio.timeout(RUN_S):
        while True:
            lines = [json.loads(line) for line in log.read_bytes().splitlines() if line.endswith(b"}")]
            found = [each for each in lines if each["type"] == "agentflow" and each["subtype"] == subtype]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def rounds(machine: Machine, count: int) -> None:
    """Wait until the model was asked so often."""
    async with asyncio.timeout(RUN_S):
        while len([request for request in machine.model.requests if request.is_work]) < count:
            await asyncio.sleep(0.05)


async def test_the_model_reads_each_message_once_in_its_last_words_also_in_a_later_container(machine: Machine) -> None:
    async with ScriptedModel(api_key=KEY, script=script) as model:
        await machine.serve(model)
        machine.use(idle_s=60)
        name = await machine.start("begin")

        async def tell(text: str) -> str:
            message_id = str(uuid.uuid4())
            await inbox.say(machine.relay, name, text, message_id)
            return message_id

        async def edit(message_id: str, text: str | None, edit_id: str = "") -> None:
            await inbox.edit(machine.relay, name, message_id, text, edit_id or str(uuid.uuid4()))

        await rounds(machine, 1)
        first, second, third = [await tell(f"{each} as said") for each in ("first", "second", "third")]
        same = str(uuid.uuid4())
        await edit(first, "first as changed", same)
        await edit(second, None)
        await logged(machine, name, "withdrawn", 2)
        await edit(first, "first as changed", same)
        await edit(first, "first at last")
        await logged(machine, name, "withdrawn", 3)
        (machine.workspace / "go-0").touch()
        await rounds(machine, 2)
        expected = {"first at last": 1, "third as said": 1, "first as": 0, "second as": 0}
        assert {text: read(machine).count(text) for text in expected} == expected

        await edit(third, "third too late")
        assert [each["id"] for each in await logged(machine, name, "kept", 1)] == [third]
        with pytest.raises(BadInput, match="was taken back"):
            await edit(second, "second again")
        fourth, fifth = await tell("fourth as said"), await tell("fifth as said")
        await edit(fourth, "fourth at last")
        await edit(fifth, None)
        assert {each["id"] for each in (await logged(machine, name, "withdrawn", 5))[3:]} == {fourth, fifth}
        await machine.docker("kill", name)
        async with asyncio.timeout(RUN_S):
            while (await machine.runs.describe(name)).alive:
                await asyncio.sleep(0.05)
        sixth = await tell("sixth as said")
        await edit(sixth, "sixth at last")
        await logged(machine, name, "turn_ended", 1)
        expected |= {"third too late": 0, "fourth at last": 1, "fourth as": 0, "fifth": 0, "sixth": 1}
        assert {text: read(machine).count(text) for text in expected} == expected
