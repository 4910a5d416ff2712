"""The stand-in refuses what ElevenLabs' documents and the SDK's types do not know, and takes what set-up and sessions send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from agents.config import Settings
from agents.voice import wanted
from agents.voice.account import opened, opened_account
from agents.voice.errors import VoiceUnavailable
from agents.voice.session import Session
from agents.voice.setup import setup
from tests.elevenlabs_standin import KEY, CallTool, ElevenLabsStandin, Say
from tests.elevenlabs_standin.spec import specification
from tests.elevenlabs_standin.speech import Speech

TOOL = "list_claude_agents"
OPENING = {"type": "conversation_initiation_client_data"}
_BOUND_S = 60.0


class Bare:
    """The stand-in without the SDK before it, as a program that knows nothing would use it."""

    def __init__(self, standin: ElevenLabsStandin, speech: Speech, session: aiohttp.ClientSession) -> None:
        self.standin, self.speech, self._session = standin, speech, session

    async def send(self, method: str, path: str, body: Any) -> tuple[int, list[str]]:
        """The status, and the places of what is wrong."""
        async with self._session.request(method, f"{self.standin.url}{path}", json=body) as response:
            answer: dict[str, Any] = await response.json() if response.content_type == "application/json" else {}
            return response.status, [".".join(map(str, each["loc"])) for each in answer.get("detail", ())]

    async def tool(self, **values: Any) -> tuple[int, list[str]]:
        """A tool like one of ours, but for these."""
        return await self.send("POST", "/v1/convai/tools", {"tool_config": tool(**values)})

    async def create(self, body: Any) -> tuple[int, list[str]]:
        return await self.send("POST", "/v1/convai/agents/create", body)

    async def refused(self, *frames: dict[str, Any]) -> list[str]:
        """The places of what is wrong in a conversation in which these are said, which the server closes for that."""
        agent_id = self.standin.account.add_agent(wanted.agent_config())
        path = f"{self.standin.url}/v1/convai/conversation?agent_id={agent_id}&conversation_signature=ticket"
        async with self._session.ws_connect(path) as socket, asyncio.timeout(_BOUND_S):
            for frame in frames:
                await socket.send_json(frame)
            async for _ in socket:
                pass
            assert socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION
        return [".".join(map(str, each.path)) for each in self.standin.problems]


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Bare]:
    speech = Speech(tmp_path)
    async with (
        ElevenLabsStandin().running(speech.add_to) as standin,
        aiohttp.ClientSession(headers={"xi-api-key": KEY}) as session,
    ):
        yield Bare(standin, speech, session)


def tool(**values: Any) -> dict[str, Any]:
    return wanted.tool_configs()[TOOL] | values


def misspelt(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The value once for each of its keys at any depth, with that one misspelt; the names of parameters are free."""
    for key, member in value.items():
        others = {name: each for name, each in value.items() if name != key}
        yield key, others | {f"{key}_": member}
        if key == "properties":
            for name, each in member.items():
                yield from ((wrong, value | {key: member | {name: inside}}) for wrong, inside in misspelt(each))
        elif isinstance(member, dict):
            yield from ((wrong, value | {key: inside}) for wrong, inside in misspelt(cast("dict[str, Any]", member)))


async def yes(_question: str) -> bool:
    return True


async def test_an_unknown_key_at_the_top_is_refused(bare: Bare) -> None:
    config = wanted.agent_config()
    assert await bare.create(config | {"nmae": "AgentFlow"}) == (422, ["body.nmae"])
    assert bare.standin.account.agents == {}
    assert [each.kind for each in bare.standin.problems] == ["extra_forbidden"]
    assert await bare.create(config) == (200, [])
    path = f"/v1/convai/agents/{next(iter(bare.standin.account.agents))}"
    assert await bare.send("PATCH", path, {"enable_versioning": True}) == (422, ["body.enable_versioning"])
    assert await bare.send("PATCH", path, {"name": "Other"}) == (200, [])


@pytest.mark.parametrize(
    ("group", "place"),
    [
        ({"agent": {"first_mesage": ""}}, "agent.first_mesage"),
        ({"agent": {"prompt": {"prompt": "", "tool_id": []}}}, "agent.prompt.tool_id"),
        ({"tts": {"voice": "x"}}, "tts.voice"),
        (
            {"language_presets": {"de": {"overrides": {"agent": {"langauge": "de"}}}}},
            "language_presets.de.overrides.agent.langauge",
        ),
    ],
)
async def test_an_unknown_key_in_a_nested_object_is_refused_in_a_new_agent_and_in_a_change(
    bare: Bare, group: dict[str, Any], place: str
) -> None:
    path = f"/v1/convai/agents/{bare.standin.account.add_agent(wanted.agent_config())}"
    body = {"conversation_config": group}
    assert await bare.create(body) == (422, [f"body.conversation_config.{place}"])
    assert await bare.send("PATCH", path, body) == (422, [f"body.conversation_config.{place}"])


async def test_an_unknown_key_nested_in_a_list_of_client_tools_is_refused(bare: Bare) -> None:
    said = {"type": "string", "descripton": "which"}
    wrong = tool(parameters={"type": "object", "properties": {"which": said}, "required": []})
    body = {"conversation_config": {"agent": {"prompt": {"tools": [tool(), wrong]}}}}
    place = "body.conversation_config.agent.prompt.tools.1.parameters.properties.which.descripton"
    assert await bare.create(body) == (422, [place])


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("/v1/convai/tools post", {"tool_config": tool()}),
        ("/v1/convai/tools/{tool_id} patch", {"tool_config": tool()}),
        ("/v1/convai/agents/create post", wanted.agent_config()),
        ("/v1/convai/agents/{agent_id} patch", wanted.agent_config()),
    ],
)
def test_whichever_key_of_ours_were_misspelt_would_be_refused(operation: str, body: dict[str, Any]) -> None:
    changed = list(misspelt(body))
    assert len(changed) > 10
    for key, each in changed:
        found = [problem.path[-1] for problem in specification().request(operation, each) if problem.path]
        assert f"{key}_" in found


async def test_a_key_of_the_sdk_alone_is_taken_and_its_value_checked(bare: Bare) -> None:
    assert await bare.tool(execution_mode="async", tool_call_sound="typing") == (200, [])
    assert await bare.tool(execution_mode="at_once") == (422, ["body.tool_config.execution_mode"])
    properties = {"which": {"type": "string", "description": "which", "enum": ["a", 1]}}
    place = "body.tool_config.parameters.properties.which.enum.1"
    assert await bare.tool(parameters={"type": "object", "properties": properties}) == (422, [place])


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"name": "n" * 65}, "name"),
        ({"name": "two words"}, "name"),
        ({"response_timeout_secs": 121}, "response_timeout_secs"),
        ({"expects_response": "perhaps"}, "expects_response"),
        ({"assignments": [{"dynamic_variable": "x"}]}, "assignments.0"),
        ({"type": "cleint"}, "type"),
    ],
)
async def test_limits_required_keys_and_fixed_values_are_enforced(
    bare: Bare, values: dict[str, Any], place: str
) -> None:
    assert await bare.tool(**values) == (422, [f"body.tool_config.{place}"])
    assert bare.standin.account.tools == {}


async def test_an_unknown_key_in_a_message_of_a_conversation_closes_it(bare: Bare) -> None:
    override = {"conversation_config_override": {"conversation": {"text_olny": True}}}
    assert await bare.refused(OPENING | override) == ["conversation_config_override.conversation.text_olny"]
    assert bare.standin.problems.pop().kind == "extra_forbidden"
    assert await bare.refused(OPENING, {"type": "user_message", "text": "hi", "to": "you"}) == ["to"]
    bare.standin.problems.clear()
    assert await bare.refused(OPENING, {"user_audio": "AAAA"}) == ["user_audio"]
    bare.standin.problems.clear()
    assert await bare.refused(OPENING, {"type": "user_massage", "text": "hi"}) == ["type"]


async def test_an_unknown_key_in_a_request_for_speech_is_refused(bare: Bare) -> None:
    path = "/v1/text-to-speech/voice"
    settings = {"voice_settings": {"stabilty": 1.0}}
    assert await bare.send("POST", path, {"text": "hi", **settings}) == (422, ["body.voice_settings.stabilty"])
    assert await bare.send("POST", f"{path}?format=pcm", {"text": "hi"}) == (422, ["body.format"])
    assert bare.speech.spoken == []
    assert len(bare.speech.violations) == 2


async def test_what_set_up_and_a_session_send_is_taken(settings: Settings, elevenlabs: ElevenLabsStandin) -> None:
    agent_id = await setup(settings, dry_run=False, confirm=yes, say=print)
    assert agent_id is not None
    elevenlabs.account.agents[agent_id]["conversation_config"]["agent"]["first_message"] = "Hi"
    for each in elevenlabs.account.tools.values():
        each["response_timeout_secs"] = 1
    assert await setup(settings, dry_run=False, confirm=yes, say=print) == agent_id
    assert len([each for each in elevenlabs.account.changes if each.startswith("updated")]) > 1
    elevenlabs.turns.append([CallTool(TOOL), Say("None.")])
    said = asyncio.Event()

    async def answer(_session: Session, _name: str, _parameters: Mapping[str, Any]) -> str:
        return "There are no agents."

    with opened(settings) as client:
        session = Session(client, agent_id, [TOOL], answer, lambda heard: said.set() if heard.kind == "said" else None)
        await session.open()
        await session.tell("Nothing new.")
        await session.say("How are they?")
        async with asyncio.timeout(_BOUND_S):
            await said.wait()
        await session.close()
    assert {frame["type"] for frame in elevenlabs.heard} >= {
        OPENING["type"],
        "contextual_update",
        "user_message",
        "client_tool_result",
    }
    assert elevenlabs.problems == []


async def test_a_person_is_told_the_place_of_what_is_refused(settings: Settings, elevenlabs: ElevenLabsStandin) -> None:
    with opened_account(settings) as account, pytest.raises(VoiceUnavailable) as refused:
        await account.create_tool(tool(parmeters={}))
    said = "ElevenLabs answered 422: body.tool_config.parmeters: Extra inputs are not permitted."
    assert str(refused.value).startswith(said)
    assert [each.path for each in elevenlabs.problems] == [("tool_config", "parmeters")]
    elevenlabs.problems.clear()
