"""CLIs that hang, in real containers: frozen by a signal, or waiting for an answer that never comes."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.frozen import SILENT_S, freeze, saved, shorten_limits
from tests.vps.conftest import KEY, Ended, Machine
from vps import inbox
from vps.commands import claude
from vps.events import types as t
from vps.models import Limits
from vps.outcome import Ending
from vps.testing.model import Answer, Conversation, ScriptedModel, bash, next_answer, say

LOOK = "cat /proc/[0-9]*/comm; env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_limits(monkeypatch)


def told(ended: Ended) -> list[tuple[str, str | None]]:
    """What the supervisor said of hanging and going on."""
    said = [event for event in ended.events if isinstance(event, t.Supervisor)]
    return [(event.subtype, event.reason) for event in said if event.subtype in ("hung", "resumed")]


async def test_a_frozen_cli_is_replaced_and_goes_on_in_its_session_without_what_it_had_running(
    machine: Machine,
) -> None:
    def script(conversation: Conversation) -> Answer:
        if not conversation.task.startswith("[AgentFlow]"):
            return next_answer(conversation)
        seen = bash(LOOK, "Look at the processes")
        return say(f"Running: {conversation.result(0).text}") if conversation.rounds else seen

    async with ScriptedModel(api_key=KEY, script=script) as model:
        await machine.serve(model)
        name = (await machine.runs.start(machine.request("scenario:sleep:300"))).name
        await saved(machine.root, name)
        await freeze(machine.docker, name)
        ended = await machine.ended(name)

        assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
        assert told(ended) == [("hung", "first"), ("resumed", "replaced")]
        last = json.dumps([request.body for request in model.requests if request.is_work][-1])
    assert "scenario:sleep:300" in last
    assert json.dumps(claude.HUNG_MESSAGE)[1:-1] in last
    result = next(event for event in reversed(ended.events) if isinstance(event, t.Result))
    assert "claude" in result.text
    assert "sleep" not in result.text
    assert KEY.get_secret_value() not in ended.text
    run = machine.root / "runs" / name
    assert [path for path in machine.holding(KEY.get_secret_value()) if path.is_relative_to(run)] == []


async def test_a_message_that_a_hung_cli_had_not_taken_reaches_the_next_one(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:300")
    await saved(machine.root, name)
    await freeze(machine.docker, name)
    await inbox.say(machine.relay, name, "And mind the gap.", str(uuid.uuid4()))
    ended = await machine.ended(name)

    assert told(ended) == [("hung", "first"), ("resumed", "replaced")]
    taken = [event.text for event in ended.events if isinstance(event, t.UserMessage) and event.is_replay]
    # Those that are there when the CLI begins it takes as one message.
    assert [text.partition("\n")[0] for text in taken] in (
        ["scenario:sleep:300", "And mind the gap.", claude.HUNG_MESSAGE],
        ["scenario:sleep:300", "And mind the gap.", "And mind the gap."],
    )
    assert taken[-1].removeprefix("And mind the gap.\n") == claude.HUNG_MESSAGE
    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text


async def test_a_hung_cli_can_be_stopped(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:300")
    await saved(machine.root, name)
    await freeze(machine.docker, name)
    await machine.seen(name, b'"hung"')
    await machine.runs.stop(name)

    ended = await machine.ended(name)
    assert ended.outcome.ending is Ending.STOPPED
    assert told(ended) == [("hung", "first")]


async def test_a_cli_that_still_listens_is_interrupted_and_goes_on_itself(machine: Machine) -> None:
    ended = await machine.run("scenario:hang")

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    assert told(ended) == [("hung", "first"), ("resumed", "interrupted")]
    results = [event for event in ended.events if isinstance(event, t.Result)]
    assert [result.terminal_reason for result in results] == ["aborted_streaming", "completed"]


async def test_a_cli_that_hangs_again_is_given_up_and_reported(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:300", limits=Limits(timeout_s=200))
    await saved(machine.root, name)
    first = await freeze(machine.docker, name)
    await machine.seen(name, b'"resumed"')
    await freeze(machine.docker, name, but=first)
    ended = await machine.ended(name)

    assert told(ended) == [("hung", "first"), ("resumed", "replaced"), ("hung", "again")]
    assert ended.outcome.ending is Ending.HUNG
    assert "no output for" in ended.outcome.reason
    assert ended.outcome.remedy


async def test_a_cli_that_cannot_be_resumed_is_reported(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:300")
    await saved(machine.root, name)
    (machine.root / "runs" / name / "in" / "argv-resume").write_bytes(b"false\0")
    await freeze(machine.docker, name)
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.HUNG, ended.text
    assert told(ended) == [("hung", "first"), ("resumed", "replaced")]


async def test_a_cli_that_hangs_before_its_first_word_starts_over(machine: Machine) -> None:
    name = await machine.start("scenario:ok")
    await freeze(machine.docker, name)
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    assert told(ended) == [("hung", "first"), ("resumed", "replaced")]
    assert "All is well." in ended.text


async def test_a_turn_that_hangs_has_no_more_time_than_any_other(machine: Machine) -> None:
    def script(conversation: Conversation) -> Answer:
        hung = conversation.task.startswith("[AgentFlow]") and not conversation.rounds
        return bash("sleep 300", "Wait", timeout=600_000) if hung else next_answer(conversation)

    # Whether it has another CLI by then or, on a busy machine, waits for it yet: its time is over.
    limits = Limits(timeout_s=SILENT_S + 23)
    async with ScriptedModel(api_key=KEY, script=script) as model:
        await machine.serve(model)
        name = (await machine.runs.start(machine.request("scenario:sleep:300", limits=limits))).name
        await saved(machine.root, name)
        await freeze(machine.docker, name)
        ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.TIMED_OUT
    assert told(ended)[0] == ("hung", "first")
    said = [event for event in ended.events if isinstance(event, t.Supervisor)]
    (begun,) = [event.at for event in said if event.subtype == "turn_started"]
    (over,) = [event.at for event in said if event.subtype == "timeout"]
    assert limits.timeout_s <= over - begun < limits.timeout_s + SILENT_S


async def test_a_quiet_tool_within_its_limit_is_not_taken_for_a_hang(machine: Machine) -> None:
    ended = await machine.run("scenario:sleep:8")

    assert ended.outcome.ending is Ending.SUCCEEDED
    assert told(ended) == []


async def test_a_silent_tool_that_works_on_a_cpu_is_not_taken_for_a_hang(machine: Machine) -> None:
    work = bash(f"timeout {SILENT_S + 4:.0f} sh -c 'while :; do :; done'", "Compute", timeout=60_000)

    def script(conversation: Conversation) -> Answer:
        return say("Computed.") if conversation.rounds else work

    async with ScriptedModel(api_key=KEY, script=script) as model:
        await machine.serve(model)
        ended = await machine.ended((await machine.runs.start(machine.request("Compute"))).name)

    assert ended.outcome.ending is Ending.SUCCEEDED
    assert told(ended) == []
