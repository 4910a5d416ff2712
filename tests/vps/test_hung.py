"""CLIs that hang, in real containers: frozen by a signal, or waiting for an answer that never comes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable

import pytest

from tests.vps.conftest import KEY, RUN_S, Ended, Machine
from vps.commands import claude
from vps.events import types as t
from vps.models import Limits
from vps.outcome import Ending
from vps.runs import Runs
from vps.testing.model import Answer, Conversation, ScriptedModel, bash, next_answer, say

SILENT_S, CALM_S = 5.0, 2.0
Shorten = Callable[[float], None]


@pytest.fixture
def shorten(monkeypatch: pytest.MonkeyPatch) -> Shorten:
    """The limits that a CLI has to be past before it counts as hung, made short."""

    def do(silent_s: float) -> None:
        limits = {"silent_s": silent_s, "mcp_s": 1000.0, "calm_s": CALM_S}
        monkeypatch.setattr(claude, "silence", lambda _env: limits)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]

    do(SILENT_S)
    return do


async def freeze(machine: Machine, name: str, *, but: int = 0) -> int:
    """Stop the CLI of a run where it stands, one that is not `but`; its pid."""
    async with asyncio.timeout(RUN_S):
        while True:
            listed = await machine.docker("top", name, "-eo", "pid,comm")
            found = [int(line.split()[0]) for line in listed.splitlines()[1:] if line.split()[1] == "claude"]
            if found and found[0] != but:
                os.kill(found[0], signal.SIGSTOP)
                return found[0]


def told(ended: Ended) -> list[tuple[str, str | None]]:
    """What the supervisor said of hanging and going on."""
    said = [event for event in ended.events if isinstance(event, t.Supervisor)]
    return [(event.subtype, event.reason) for event in said if event.subtype in ("hung", "resumed")]


async def test_a_frozen_cli_is_replaced_and_goes_on_in_its_session_without_what_it_had_running(
    machine: Machine, shorten: Shorten
) -> None:
    def script(conversation: Conversation) -> Answer:
        if not conversation.task.startswith("[AgentFlow]"):
            return next_answer(conversation)
        seen = bash("cat /proc/[0-9]*/comm", "Look at the processes")
        return say(f"Running: {conversation.result(0).text}") if conversation.rounds else seen

    async with ScriptedModel(api_key=KEY, script=script) as model:
        runs = Runs(machine.relay, machine.config(base_url=model.url))
        name = (await runs.start(machine.request("scenario:sleep:300"))).name
        await machine.seen(name, b'"tool_use"')
        await freeze(machine, name)
        ended = await machine.ended(name)

        assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
        assert told(ended) == [("hung", "first"), ("resumed", "replaced")]
        last = json.dumps([request.body for request in model.requests if request.is_work][-1])
    assert "scenario:sleep:300" in last
    assert json.dumps(claude.HUNG_MESSAGE)[1:-1] in last
    result = next(event for event in reversed(ended.events) if isinstance(event, t.Result))
    assert "claude" in result.text
    assert "sleep" not in result.text


async def test_a_cli_that_still_listens_is_interrupted_and_goes_on_itself(machine: Machine, shorten: Shorten) -> None:
    ended = await machine.run("scenario:hang")

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    assert told(ended) == [("hung", "first"), ("resumed", "interrupted")]
    results = [event for event in ended.events if isinstance(event, t.Result)]
    assert [result.terminal_reason for result in results] == ["aborted_streaming", "completed"]


async def test_a_cli_that_hangs_again_is_given_up_and_reported(machine: Machine, shorten: Shorten) -> None:
    name = await machine.start("scenario:sleep:300", limits=Limits(timeout_s=120))
    await machine.seen(name, b'"tool_use"')
    first = await freeze(machine, name)
    await machine.seen(name, b'"resumed"')
    await freeze(machine, name, but=first)
    ended = await machine.ended(name)

    assert told(ended) == [("hung", "first"), ("resumed", "replaced"), ("hung", "again")]
    assert ended.outcome.ending is Ending.HUNG
    assert "no output for" in ended.outcome.reason
    assert ended.outcome.remedy


async def test_a_cli_that_cannot_be_resumed_is_reported(machine: Machine, shorten: Shorten) -> None:
    name = await machine.start("scenario:sleep:300")
    await machine.seen(name, b'"tool_use"')
    (machine.root / "runs" / name / "in" / "argv-resume").write_bytes(b"false\0")
    await freeze(machine, name)
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.HUNG, ended.text
    assert told(ended) == [("hung", "first"), ("resumed", "replaced")]


async def test_a_cli_that_hangs_before_its_first_word_starts_over(machine: Machine, shorten: Shorten) -> None:
    name = await machine.start("scenario:ok")
    await freeze(machine, name)
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    assert told(ended) == [("hung", "first"), ("resumed", "replaced")]
    assert "All is well." in ended.text


async def test_a_turn_that_hangs_has_no_more_time_than_any_other(machine: Machine, shorten: Shorten) -> None:
    name = await machine.start("scenario:sleep:300", limits=Limits(timeout_s=SILENT_S + 4))
    await machine.seen(name, b'"tool_use"')
    await freeze(machine, name)
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.TIMED_OUT
    assert told(ended)[0] == ("hung", "first")


async def test_a_quiet_tool_within_its_limit_is_not_taken_for_a_hang(machine: Machine, shorten: Shorten) -> None:
    shorten(15)
    ended = await machine.run("scenario:sleep:8")

    assert ended.outcome.ending is Ending.SUCCEEDED
    assert told(ended) == []


async def test_a_silent_tool_that_works_on_a_cpu_is_not_taken_for_a_hang(machine: Machine, shorten: Shorten) -> None:
    work = bash("timeout 12 sh -c 'while :; do :; done'", "Compute", timeout=60_000)

    def script(conversation: Conversation) -> Answer:
        return say("Computed.") if conversation.rounds else work

    async with ScriptedModel(api_key=KEY, script=script) as model:
        runs = Runs(machine.relay, machine.config(base_url=model.url))
        ended = await machine.ended((await runs.start(machine.request("Compute"))).name)

    assert ended.outcome.ending is Ending.SUCCEEDED
    assert told(ended) == []
