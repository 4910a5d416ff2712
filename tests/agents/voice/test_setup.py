"""The agent and its tools are made once, mended where they differ, and otherwise left alone."""

from __future__ import annotations

from typing import Any

import pytest
from elevenlabs.core.api_error import ApiError

from agents import doctor
from agents.config import Settings, SettingsError, load
from agents.voice import check, wanted
from agents.voice.account import refused
from agents.voice.errors import VoiceUnavailable
from agents.voice.setup import setup
from tests.elevenlabs_standin import KEY, ElevenLabsStandin, environ
from tests.elevenlabs_standin.state import tool_ids


async def never(question: str) -> bool:
    raise AssertionError(question)


async def no(_question: str) -> bool:
    return False


async def yes(_question: str) -> bool:
    return True


async def set_up(settings: Settings, *, confirm: Any = never, dry_run: bool = False) -> tuple[str | None, list[str]]:
    lines: list[str] = []
    return await setup(settings, dry_run=dry_run, confirm=confirm, say=lines.append), lines


async def test_the_second_time_nothing_changes(settings: Settings, elevenlabs: ElevenLabsStandin) -> None:
    agent_id, lines = await set_up(settings)
    assert agent_id is not None
    assert {line for line in lines if line.startswith("+")} == {
        *(f"+ tool {name}" for name in wanted.tool_configs()),
        "+ agent AgentFlow",
    }
    agent = elevenlabs.account.agents[agent_id]
    assert set(tool_ids(agent)) == set(elevenlabs.account.tools)
    assert agent["platform_settings"]["auth"] == {"enable_auth": True}
    made = list(elevenlabs.account.changes)
    assert await set_up(settings) == (agent_id, ["Nothing to change."])
    with_id = load(environ(elevenlabs, ELEVENLABS_AGENT_ID=agent_id), dotenv=None)
    assert await set_up(with_id) == (agent_id, ["Nothing to change."])
    assert elevenlabs.account.changes == made


async def test_a_dry_run_changes_nothing(settings: Settings, elevenlabs: ElevenLabsStandin) -> None:
    agent_id, lines = await set_up(settings, dry_run=True)
    assert agent_id is None
    assert "+ agent AgentFlow" in lines
    assert elevenlabs.account.changes == []


async def test_what_drifted_is_told_by_the_doctor_and_mended(settings: Settings, elevenlabs: ElevenLabsStandin) -> None:
    agent_id, _ = await set_up(settings)
    assert agent_id is not None
    account = elevenlabs.account
    ours = load(environ(elevenlabs, ELEVENLABS_AGENT_ID=agent_id), dotenv=None)
    assert await check.examine(ours) == (check.State.GOOD, "agent and tools are as wanted")
    by_name = {tool["name"]: tool_id for tool_id, tool in account.tools.items()}
    account.tools[by_name["list_claude_agents"]]["description"] = f"Other words. {wanted.TOOL_MARK}"
    account.agents[agent_id]["conversation_config"]["agent"]["prompt"]["prompt"] = "Be rude."
    old = account.add_tool(wanted.tool_configs()["get_usage"] | {"name": "old_tool"})
    tool_ids(account.agents[agent_id]).append(old)
    theirs = account.add_tool(wanted.tool_configs()["get_usage"] | {"description": "Theirs"})
    tool_ids(account.agents[agent_id]).append(theirs)
    before = dict(account.tools[theirs])
    state, text = await check.examine(ours)
    assert state is check.State.DRIFTED
    assert "tool list_claude_agents differs, tool old_tool is not wanted any more, agent's prompt" in text
    assert await by_the_doctor(ours) == doctor.Finding(doctor.Level.WARN, "voice", text)
    _, lines = await set_up(ours)
    assert [line for line in lines if not line.startswith(" ")] == [
        "~ tool list_claude_agents", "- tool old_tool", "~ agent AgentFlow", "Done.",
    ]  # fmt: skip
    assert old not in account.tools
    assert account.tools[theirs] == before
    assert theirs in tool_ids(account.agents[agent_id])
    assert await set_up(ours) == (agent_id, ["Nothing to change."])


async def test_a_tool_that_another_agent_uses_is_left_and_that_is_told_once(
    settings: Settings, elevenlabs: ElevenLabsStandin
) -> None:
    agent_id, _ = await set_up(settings)
    assert agent_id is not None
    account = elevenlabs.account
    shared = account.add_tool(wanted.tool_configs()["get_usage"] | {"name": "old_tool"})
    twice = account.add_tool(wanted.tool_configs()["get_usage"])
    tool_ids(account.agents[agent_id]).append(shared)
    prompt = {"prompt": {"tool_ids": [shared, twice]}}
    theirs = account.add_agent({"name": "Other", "conversation_config": {"agent": prompt}})
    found, lines = await set_up(settings)
    assert found == agent_id
    assert "  tool old_tool is left: another agent uses it." in lines
    assert lines[-1] == "Done."
    assert tool_ids(account.agents[theirs]) == [shared, twice]
    assert shared not in tool_ids(account.agents[agent_id])
    assert {shared, twice} <= set(account.tools)
    ours = load(environ(elevenlabs, ELEVENLABS_AGENT_ID=agent_id), dotenv=None)
    assert await set_up(ours) == (agent_id, ["Nothing to change."])
    assert await check.examine(ours) == (check.State.GOOD, "agent and tools are as wanted")
    del account.agents[theirs]
    assert [line for line in (await set_up(ours))[1] if line.startswith("-")] == ["- tool get_usage", "- tool old_tool"]


async def by_the_doctor(settings: Settings) -> doctor.Finding:
    """Its line about the voice."""
    async for finding in doctor.examine(lambda: settings):
        if finding.name == "voice":
            return finding
    raise AssertionError


async def test_an_agent_that_only_has_the_name_is_asked_about(
    settings: Settings, elevenlabs: ElevenLabsStandin
) -> None:
    config = wanted.agent_config() | {"tags": ["theirs"]}
    agent_id = elevenlabs.account.add_agent(config)
    assert (await set_up(settings, confirm=no))[0] is None
    assert elevenlabs.account.changes == []
    assert (await set_up(settings, confirm=yes))[0] == agent_id
    assert elevenlabs.account.agents[agent_id]["tags"] == ["agentflow", "theirs"]
    assert await set_up(settings) == (agent_id, ["Nothing to change."])


async def test_more_tools_than_a_page_holds_are_all_seen(settings: Settings, elevenlabs: ElevenLabsStandin) -> None:
    for number in range(25):
        elevenlabs.account.add_tool({"type": "client", "name": f"theirs_{number}", "description": "Theirs"})
    await set_up(settings)
    assert (await set_up(settings))[1] == ["Nothing to change."]


async def test_a_refusal_names_the_remedy(elevenlabs: ElevenLabsStandin) -> None:
    wrong = environ(elevenlabs) | {"ELEVENLABS_API_KEY": "sk_wrong"}
    with pytest.raises(VoiceUnavailable, match="ELEVENLABS_API_KEY") as refused:
        await set_up(load(wrong, dotenv=None))
    assert KEY not in str(refused.value)
    gone = load(environ(elevenlabs, ELEVENLABS_AGENT_ID="agent_gone"), dotenv=None)
    with pytest.raises(VoiceUnavailable, match="There is no agent of ELEVENLABS_AGENT_ID"):
        await set_up(gone)


def test_what_is_not_taken_is_named_and_not_tried_again() -> None:
    body = {"detail": [{"loc": ["body", "name"], "msg": "too long", "type": "string_too_long"}]}
    error = refused(ApiError(status_code=422, body=body))
    assert "422: body.name: too long. It does not take what was sent" in str(error)
    assert (error.passes, refused(ApiError(status_code=503)).passes) == (False, True)


async def test_an_account_that_does_not_answer_is_trouble_and_no_key_is_none(elevenlabs: ElevenLabsStandin) -> None:
    assert (await check.examine(load({}, dotenv=None)))[0] is check.State.OFF
    assert (await check.examine(load(environ(elevenlabs), dotenv=None)))[0] is check.State.DRIFTED
    dead = {"ELEVENLABS_API_KEY": KEY, "ELEVENLABS_BASE_URL": "http://127.0.0.1:9", "ELEVENLABS_AGENT_ID": "agent_1"}
    state, text = await check.examine(load(dead, dotenv=None))
    assert (state, "does not answer" in text) == (check.State.BROKEN, True)


def test_the_address_carries_a_key() -> None:
    with pytest.raises(SettingsError, match="ELEVENLABS_BASE_URL is not safe"):
        load({"ELEVENLABS_BASE_URL": "http://example.com"}, dotenv=None)
    assert load({"ELEVENLABS_BASE_URL": "https://example.com"}, dotenv=None).ELEVENLABS_BASE_URL
