"""What is said to a run reaches its CLI, or is refused: real CLIs in real containers."""

from __future__ import annotations

import asyncio
import json
import time
import uuid

import pytest

from tests.vps.conftest import KEY, RUN_S, Ended, Machine
from vps import inbox
from vps.commands import claude
from vps.errors import BadInput, NoSuchRun
from vps.events import types as t
from vps.outcome import Ending
from vps.testing.model import Answer, Conversation, ScriptedModel, bash, say


def taken(ended: Ended) -> list[str]:
    """The texts that the CLI says it took, the task first."""
    return [event.text for event in ended.events if isinstance(event, t.UserMessage) and event.is_replay]


def ids(ended: Ended) -> list[str]:
    """Their ids; the CLI takes several at once as one text and says so by each one's id (measured)."""
    return [event.uuid for event in ended.events if isinstance(event, t.UserMessage) and event.is_replay]


async def offered(machine: Machine, name: str, text: str, message_id: str) -> str:
    """How the host takes a message, which wakes nobody."""
    line = claude.user_message(text, message_id).rstrip("\n")
    return str((await machine.relay.ask("say", {"name": name, "id": message_id, "line": line}))["state"])


async def test_a_message_said_while_a_tool_runs_is_taken_at_the_next_step_once(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:8")
    await machine.seen(name, b'"tool_use"')
    message_id = str(uuid.uuid4())
    assert not await inbox.say(machine.relay, name, "And mind the gap.", message_id)
    assert await inbox.say(machine.relay, name, "And mind the gap.", message_id)
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    assert taken(ended) == ["scenario:sleep:8", "And mind the gap."]
    assert len([event for event in ended.events if isinstance(event, t.Result)]) == 1
    work = next(request for request in reversed(machine.model.requests) if request.is_work)
    assert "And mind the gap." in json.dumps(work.body), "the model read it with the tool's result"
    assert await inbox.say(machine.relay, name, "And mind the gap.", message_id), "known, also after the end"
    with pytest.raises(BadInput, match="belongs to another message"):
        await inbox.say(machine.relay, name, "something else", message_id)


async def test_a_message_said_while_the_last_words_are_written_becomes_a_turn_of_its_own(machine: Machine) -> None:
    name = await machine.start("scenario:slow:60")
    await machine.seen(name, b'"subtype":"init"')
    await inbox.say(machine.relay, name, "scenario:ok", str(uuid.uuid4()))
    ended = await machine.ended(name)

    assert taken(ended) == ["scenario:slow:60", "scenario:ok"]
    results = [event for event in ended.events if isinstance(event, t.Result)]
    assert results[-1].text == "All is well."
    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text


async def test_each_message_is_taken_or_refused_whatever_moment_the_run_ends_at(machine: Machine) -> None:
    """Said with pauses that grow until the run takes no more: the last ones meet its end."""

    def script(conversation: Conversation) -> Answer:
        if conversation.task.startswith("first") and not conversation.rounds:
            return bash("sleep 1", "Wait")
        return say(f"Heard {conversation.task}.")

    async with ScriptedModel(api_key=KEY, script=script) as model:
        await machine.serve(model)
        for pause_s in (0.02, 0.05, 0.1):
            request = machine.request("first")
            name = (await machine.runs.start(request)).name
            await machine.seen(name, b'"tool_use"')
            queued, wait_s = [request.message_id], pause_s
            while True:
                message_id = str(uuid.uuid4())
                if await offered(machine, name, f"message {len(queued)}", message_id) != "queued":
                    break
                queued.append(message_id)
                await asyncio.sleep(wait_s)
                wait_s *= 1.1
            ended = await machine.ended(name)
            assert len(queued) > 2
            assert ids(ended) == queued
            assert ended.outcome.ending is Ending.SUCCEEDED, ended.outcome


async def test_an_unknown_run_refuses(machine: Machine) -> None:
    with pytest.raises(NoSuchRun):
        await inbox.say(machine.relay, "claude-agent-1795300000000-a1b2c3", "hello", str(uuid.uuid4()))


async def test_a_stopped_run_takes_nothing_more(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:300")
    await machine.seen(name, b'"tool_use"')
    stopping = asyncio.create_task(machine.runs.stop(name))
    await machine.seen(name, b'"stopping"')
    async with asyncio.timeout(RUN_S):
        while True:
            if await offered(machine, name, f"late {time.monotonic()}", str(uuid.uuid4())) != "queued":
                break
    await stopping
    assert (await machine.ended(name)).outcome.ending is Ending.STOPPED


async def test_a_line_that_is_no_message_does_not_end_the_run(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:8")
    await machine.seen(name, b'"tool_use"')
    path = machine.root / "runs" / name / "in" / "inbox.jsonl"
    with path.open("ab") as file:
        file.write(b'{"type":"user","uuid":"torn')
    await inbox.say(machine.relay, name, "scenario:ok", str(uuid.uuid4()))
    ended = await machine.ended(name)
    assert taken(ended) == ["scenario:sleep:8", "scenario:ok"]
    assert [event.detail for event in ended.events if isinstance(event, t.Supervisor) and event.subtype == "bad_input"]
    assert json.loads(path.read_bytes().splitlines()[-1])["message"]["content"] == "scenario:ok"
    assert ended.outcome.ending is Ending.SUCCEEDED
