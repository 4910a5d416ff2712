"""The same on a real crew: every call goes through `Tool.invoke` on a host, and leaves its line in the audit there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from agents import audit
from agents.config import load
from agents.crew import Crew, open_crew
from agents.rights import Right, up_to
from agents.tools.core import Call
from agents.voice import calls, wanted
from agents.voice.calls import ASKED, UNDER_WAY
from agents.voice.turn import Pace
from agents.voice.voices import Voices
from tests.agents.conftest import Station
from tests.elevenlabs_standin import CallTool, ElevenLabsStandin, Say, Step, environ
from vps.models import Origin

_BOUND_S = 200.0


@pytest.fixture
async def crew(station: Station, elevenlabs: ElevenLabsStandin) -> AsyncIterator[Crew]:
    agent_id = elevenlabs.account.add_agent(wanted.agent_config())
    more = environ(elevenlabs, ELEVENLABS_AGENT_ID=agent_id)
    async with open_crew(load(station.environ | more, dotenv=None)) as opened:
        yield opened


async def test_ten_conversations_call_tools_on_a_host(
    crew: Crew, elevenlabs: ElevenLabsStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten at once may take a busy host longer than a voice waits: here they are to hear of each other's ends in any case.
    monkeypatch.setattr(calls, "SOON_S", 60.0)

    async def no(_question: str) -> bool:
        return False

    async def make(number: int) -> Call:
        origin = Origin(caller=f"discord:{number}", surface="voice", guild_id=1, channel_id=number, thread_id=number)
        return Call(origin, up_to(Right.MANAGE), confirm=no)

    steps: list[Step] = [
        CallTool("list_claude_agents"),
        CallTool("set_channel_settings", {"model": "opus"}),
        CallTool("stop_claude_agent", {"container_id": "seven"}),
        CallTool("push_workspace", {"workspace_name": "my api"}),
        Say("That is all."),
    ]
    elevenlabs.turns.extend([steps] * 10)
    voices = Voices(crew, pace=Pace(quiet_s=0.2))
    try:
        async with asyncio.timeout(_BOUND_S):
            answers = await asyncio.gather(
                *(voices.ask(str(number), "go", lambda _, number=number: make(number)) for number in range(1, 11))
            )
        await _until(lambda: len(elevenlabs.said("contextual_update")) == 10)
    finally:
        await voices.close()
    told = "set channel settings: That did not work. Not confirmed: nothing was done."
    assert elevenlabs.said("contextual_update") == [told] * 10
    assert answers == ["That is all."] * 10
    for conversation in elevenlabs.conversations:
        results = [frame["result"] for frame in conversation.heard if frame.get("type") == "client_tool_result"]
        assert results[0] == "There are no agents."
        assert results[1] == ASKED
        assert results[2] == "That did not work. container id: there is no agent seven. There are no agents."
        assert results[3] == "That did not work. workspace name: no workspace fits that. There are none yet."
    lines = await audit.read(crew.relay, 100, {})
    assert sorted(line.caller for line in lines) == sorted(4 * [f"discord:{number}" for number in range(1, 11)])
    assert {(line.tool, line.outcome.split(":")[0]) for line in lines} == {
        ("list_claude_agents", "ok"),
        ("set_channel_settings", "NotConfirmed"),
        ("stop_claude_agent", "BadInput"),
        ("push_workspace", "BadInput"),
    }


@pytest.fixture
async def docked_crew(docked: Station, elevenlabs: ElevenLabsStandin) -> AsyncIterator[Crew]:
    agent_id = elevenlabs.account.add_agent(wanted.agent_config())
    more = environ(elevenlabs, ELEVENLABS_AGENT_ID=agent_id)
    async with open_crew(load(docked.environ | more, dotenv=None)) as opened:
        yield opened


async def test_an_agent_is_started_found_by_its_name_and_stopped_after_a_yes(
    docked_crew: Crew, elevenlabs: ElevenLabsStandin
) -> None:
    asked: list[str] = []

    async def yes(question: str) -> bool:
        asked.append(question)
        return True

    async def make(_call_id: str) -> Call:
        return Call(Origin(caller="discord:1", surface="voice"), up_to(Right.MANAGE), confirm=yes)

    def updates(start: str) -> list[str]:
        return [text for text in elevenlabs.said("contextual_update") if text.startswith(start)]

    voices = Voices(docked_crew, pace=Pace(quiet_s=0.2))
    try:
        spawn = CallTool("spawn_claude_agent", {"task": "Add a REST API"})
        elevenlabs.turns.append([spawn, Say("It starts.")])
        assert await voices.ask("5", "start one", make) == "It starts."
        await _until(lambda: elevenlabs.results()[0]["result"] != UNDER_WAY or updates("spawn claude agent"))
        elevenlabs.turns.append([CallTool("stop_claude_agent", {"container_id": "the REST API one"}), Say("I asked.")])
        assert await voices.ask("5", "stop it", make) == "I asked."
        await _until(lambda: updates("stop claude agent"))
    finally:
        await voices.close()
    assert "Agent one, the REST API one is stopped." in updates("stop claude agent")[0]
    (question,) = asked
    assert question.startswith("Agent one, the REST API one: Add a REST API\nStop an agent; its log is kept?\n")
    async with asyncio.timeout(_BOUND_S):
        while (await docked_crew.runs.list())[0].alive:
            await asyncio.sleep(0.1)


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(_BOUND_S):
        while not true():
            await asyncio.sleep(0.05)


async def test_setup_from_the_shell_prints_the_line_for_env(station: Station, elevenlabs: ElevenLabsStandin) -> None:
    station.environ |= environ(elevenlabs)
    done = await station.agentflow("voice", "setup")
    assert done.code == 0, done.err
    (agent_id,) = elevenlabs.account.agents
    assert done.out == f"ELEVENLABS_AGENT_ID={agent_id}\n"
    assert "+ tool spawn_claude_agent" in done.err


async def test_a_dry_run_from_the_shell_changes_nothing_and_no_key_is_said(
    station: Station, elevenlabs: ElevenLabsStandin
) -> None:
    missing = await station.agentflow("voice", "setup")
    assert (missing.code, "ELEVENLABS_API_KEY is not set" in missing.err) == (2, True)
    station.environ |= environ(elevenlabs)
    dry = await station.agentflow("voice", "setup", "--dry-run")
    assert (dry.code, dry.out, "+ agent AgentFlow" in dry.err) == (0, "", True)
    assert elevenlabs.account.changes == []
