"""The stand-in notices what Discord would refuse: limits by hand, everything else by Discord's OpenAPI document."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.discord_standin import Channel, StandIn, User, checks, command_checks
from tests.discord_standin.interactions import Kind
from tests.discord_standin.model import VOICE
from tests.discord_standin.openapi import Specification, with_string_ids
from tests.discord_standin.state import Upload

V2 = 1 << 15
OPTION = {"type": 3, "name": "o", "description": "d"}
TEXT: dict[str, Any] = {"type": 10, "content": "text"}

NO_DOCUMENT = "DISCORD_OPENAPI names no copy of Discord's OpenAPI document"
needs_document = pytest.mark.skipif("DISCORD_OPENAPI" not in os.environ, reason=NO_DOCUMENT)


def button(custom_id: str = "b", **more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": custom_id, **more}


def row(*children: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(children)}


def embed(**parts: Any) -> dict[str, Any]:
    return {"embeds": [parts]}


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({}, "the message is empty"),
    ({"content": "  \n"}, "the message is empty"),
    ({"content": "x" * 2001}, "content has 2001 characters"),
    ({"content": "x", "nonce": "n" * 26}, "nonce has 26"),
    (embed(title="t" * 257), "embed title has 257"),
    (embed(description="d" * 4097), "embed description has 4097"),
    ({"embeds": [{"description": "d" * 3001}] * 2}, "the embeds have 6002 characters"),
    (embed(fields=[{"name": "n", "value": "v"}] * 26), "26 fields"),
    (embed(fields=[{"name": "n", "value": ""}]), "embed field value is empty"),
    ({"embeds": [{"title": "t"}] * 11}, "11 embeds"),
    ({"flags": V2, "components": [{"type": 10, "content": "x" * 2001}, {"type": 10, "content": "x" * 2000}]}, "4001"),
    ({"flags": V2, "components": [{"type": 17, "components": [TEXT] * 40}]}, "41 components"),
    ({"flags": V2, "content": "x", "components": [TEXT]}, "content is set"),
    ({"flags": V2, "embeds": [{"title": "t"}], "components": [TEXT]}, "embeds are set"),
    ({"flags": V2, "components": [{"type": 10, "content": " "}]}, "a text display is empty"),
    ({"flags": V2, "components": [{"type": 13, "file": {"url": "attachment://a.txt"}}]}, "names no attachment"),
    ({"flags": V2, "components": [{"type": 9, "components": [TEXT] * 4, "accessory": button()}]}, "4 texts"),
    ({"components": [TEXT]}, "without the Components V2 flag"),
    ({"components": [row(button("same"), button("same"))]}, "'same' is used 2 times"),
    ({"components": [row(button("c" * 101))]}, "custom_id has 101"),
    ({"components": [row(*(button(str(n)) for n in range(6)))]}, "6 components"),
    ({"components": [row(button(str(n))) for n in range(6)]}, "6 action rows"),
    ({"components": [row(button(label="l" * 81))]}, "button label has 81"),
    ({"components": [row({"type": 2, "style": 5, "label": "Open"})]}, "a link button needs a url"),
    ({"components": [row({"type": 2, "style": 1, "label": "Go"})]}, "a button needs a custom_id"),
    ({"components": [row({"type": 3, "custom_id": "s", "options": []})]}, "a select has 0 options"),
    ({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, "mutually exclusive"),
]


@pytest.mark.parametrize(("body", "problem"), BROKEN, ids=[problem for _, problem in BROKEN])
def test_a_message_that_discord_refuses_is_noticed(body: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(checks.message(body, {}))


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000, "nonce": "n" * 25},
        {"embeds": [{"description": "d" * 3000}] * 2},
        {"flags": V2, "components": [{"type": 10, "content": "x" * 4000}]},
        {"flags": V2, "components": [{"type": 17, "components": [TEXT] * 39}]},
        {"components": [row(button("a"), button("b"))]},
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": []}},
    ],
)
def test_a_message_at_the_limits_passes(body: dict[str, Any]) -> None:
    assert checks.message(body, {}) == []


def test_files_are_counted_and_weighed() -> None:
    large = {0: Upload("a.bin", bytes(checks.FILE_BYTES + 1))}
    many = {number: Upload(f"{number}.txt", b"x") for number in range(11)}
    assert "bytes" in "; ".join(checks.message({}, large))
    assert "11 files" in "; ".join(checks.message({}, many))
    assert checks.message({"attachments": [{"id": 0}]}, {0: Upload("a.txt", b"x")}) == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ({"name": "Spawn", "description": "d"}, "lower-case"),
        ({"name": "spawn", "description": ""}, "description"),
        ({"name": "spawn", "description": "d" * 101}, "description"),
        (
            {"name": "s", "description": "d", "options": [{"type": 3, "name": "o", "description": "d"}] * 26},
            "26 options",
        ),
        (
            {
                "name": "s",
                "description": "d",
                "options": [
                    {"type": 3, "name": "a", "description": "d"},
                    {"type": 3, "name": "b", "description": "d", "required": True},
                ],
            },
            "required options must come first",
        ),
    ],
)
def test_a_command_that_discord_refuses_is_noticed(command: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(command_checks.commands([command]))


def test_a_hundred_commands_are_the_limit() -> None:
    synced = [{"name": f"c{number}", "description": "d"} for number in range(101)]
    assert "101 slash commands" in "; ".join(command_checks.commands(synced))
    assert list(command_checks.commands(synced[:100])) == []


SOUND = {0: Upload("voice-message.ogg", b"OggS", "audio/ogg")}
BAR = {"id": 0, "filename": "voice-message.ogg", "duration_secs": 1.5, "waveform": "AAAA"}


@pytest.mark.parametrize(
    ("changed", "uploads", "problem"),
    [
        ({}, SOUND, ""),
        ({"content": "hello"}, SOUND, "a voice message has content"),
        ({"attachments": [{**BAR, "waveform": None}]}, SOUND, "the waveform has 0 bytes"),
        ({"attachments": [{**BAR, "waveform": "A" * 344}]}, SOUND, "the waveform has 258 bytes"),
        ({"attachments": [{**BAR, "waveform": "?"}]}, SOUND, "no base64"),
        ({"attachments": [{**BAR, "duration_secs": None}]}, SOUND, "no duration_secs"),
        ({}, {0: Upload("a.ogg", b"OggS", "application/octet-stream")}, "it takes audio"),
        ({"attachments": []}, {}, "has 0 files"),
    ],
)
def test_a_voice_message_is_one_sound_with_its_length_and_picture(
    changed: dict[str, Any], uploads: dict[int, Upload], problem: str
) -> None:
    found = checks.message({"flags": VOICE, "attachments": [BAR], **changed}, uploads)
    assert problem in "; ".join(found)
    assert bool(found) == bool(problem)


class Bare:
    """A bot that sends what it is told, without a library that would object."""

    def __init__(self, standin: StandIn, session: aiohttp.ClientSession) -> None:
        self.discord, self._session = standin, session
        self.channel: Channel = standin.world.add_channel("agents")
        self.user: User = standin.world.add_member("ada")

    async def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._session.request(method, self.discord.api_url + path, json=body) as response:
            return response.status, await response.json() if response.content_length else None

    async def post(self, body: Any) -> tuple[int, Any]:
        return await self.send("POST", f"/channels/{self.channel.id}/messages", body)

    @property
    def problems(self) -> str:
        return "; ".join(map(str, self.discord.violations))


@pytest.fixture
async def bare() -> AsyncIterator[Bare]:
    async with StandIn() as standin:
        headers = {"Authorization": f"Bot {standin.token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            yield Bare(standin, session)


async def test_a_refused_message_is_answered_400_and_recorded(bare: Bare) -> None:
    status, answer = await bare.post({"content": "x" * 2001})
    assert (status, answer["code"]) == (400, 50035)
    assert "content has 2001 characters" in bare.problems
    assert bare.discord.messages(bare.channel) == []


async def test_an_unknown_endpoint_is_recorded(bare: Bare) -> None:
    assert (await bare.send("GET", "/nowhere"))[0] == 404
    assert "no such endpoint" in bare.problems


async def test_a_malformed_body_is_recorded(bare: Bare) -> None:
    assert (await bare.send("POST", f"/channels/{bare.channel.id}/threads", {"type": 11}))[0] == 400
    assert "malformed" in bare.problems


async def test_a_thread_has_a_name_of_at_most_100_characters(bare: Bare) -> None:
    path = f"/channels/{bare.channel.id}/threads"
    assert (await bare.send("POST", path, {"name": "n" * 101, "type": 11}))[0] == 400
    assert (await bare.send("POST", path, {"name": "n" * 100, "type": 11}))[0] == 201


async def test_a_message_has_one_thread(bare: Bare) -> None:
    _, message = await bare.post({"content": "anchor"})
    path = f"/channels/{bare.channel.id}/messages/{message['id']}/threads"
    assert (await bare.send("POST", path, {"name": "a"}))[0] == 201
    status, answer = await bare.send("POST", path, {"name": "b"})
    assert (status, answer["code"]) == (400, 160004)


async def test_a_first_answer_after_three_seconds_is_too_late(bare: Bare) -> None:
    interaction = bare.discord.interactions.send(Kind.COMMAND, bare.user, bare.channel, {"name": "spawn"})
    interaction.sent_at -= 3.1
    path = f"/interactions/{interaction.id}/{interaction.token}/callback"
    status, _ = await bare.send("POST", path, {"type": 5})
    assert status == 400
    assert "the first answer came after 3.1 s" in bare.problems
    assert bare.discord.unanswered == [interaction]


async def test_a_second_answer_is_recorded(bare: Bare) -> None:
    interaction = bare.discord.interactions.send(Kind.COMMAND, bare.user, bare.channel, {"name": "spawn"})
    path = f"/interactions/{interaction.id}/{interaction.token}/callback"
    assert (await bare.send("POST", path, {"type": 5}))[0] == 204
    assert (await bare.send("POST", path, {"type": 5}))[0] == 400
    assert "already answered" in bare.problems


async def test_pings_are_those_that_allowed_mentions_lets_through(bare: Bare) -> None:
    world = bare.discord.world
    role = world.add_role("crew")
    other = world.add_member("bob", [role])
    text = f"{bare.user.mention} {role.mention} @everyone `{other.mention}`"
    await bare.post({"content": text, "allowed_mentions": {"parse": []}})
    await bare.post({"content": text, "allowed_mentions": {"parse": [], "users": [str(bare.user.id)]}})
    await bare.post({"content": text, "allowed_mentions": {"parse": ["roles"]}})
    await bare.post({"content": "<@&1>", "allowed_mentions": None})
    await bare.post({"content": text})
    everyone = set(world.members) - {world.bot.id}
    pinged = [set(message.pings) for message in bare.discord.messages(bare.channel)]
    assert pinged == [set(), {bare.user.id}, {other.id}, set(), everyone]
    assert len(bare.discord.pings(bare.user)) == 2


async def test_edits_notify_nobody(bare: Bare) -> None:
    _, message = await bare.post({"content": "quiet"})
    path = f"/channels/{bare.channel.id}/messages/{message['id']}"
    await bare.send("PATCH", path, {"content": bare.user.mention})
    assert bare.discord.pings(bare.user) == []


async def test_a_v2_message_cannot_take_content(bare: Bare) -> None:
    _, message = await bare.post({"flags": V2, "components": [TEXT]})
    path = f"/channels/{bare.channel.id}/messages/{message['id']}"
    assert (await bare.send("PATCH", path, {"content": "x"}))[0] == 400
    assert "content is set on a message with Components V2" in bare.problems


async def test_channel_limits_are_announced_and_enforced(bare: Bare) -> None:
    bare.discord.limits.allowed, bare.discord.limits.per_seconds = 2, 60.0
    statuses = [(await bare.post({"content": str(number)}))[0] for number in range(3)]
    assert statuses == [200, 200, 429]
    assert bare.discord.limits.refused == 1


async def test_the_limit_of_the_whole_bot_is_enforced_and_told_to_be_that(bare: Bare) -> None:
    bare.discord.limits.everywhere = 2
    statuses = [(await bare.send("GET", f"/channels/{bare.channel.id}"))[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert bare.discord.limits.refused == 1


@needs_document
async def test_what_the_document_does_not_describe_is_recorded(bare: Bare) -> None:
    await bare.post({"content": ["not", "text"]})
    await bare.send("GET", f"/channels/{bare.channel.id}/messages?newest=1")
    assert "OpenAPI: $.content" in bare.problems
    assert "query parameter 'newest' is not documented" in bare.problems


@needs_document
async def test_answers_fit_the_document(bare: Bare) -> None:
    _, message = await bare.post({"flags": V2, "components": [{"type": 17, "components": [TEXT, {"type": 14}]}]})
    path, guild = f"/channels/{bare.channel.id}", bare.discord.world.guild_id
    await bare.send("PUT", f"{path}/messages/pins/{message['id']}")
    await bare.send("POST", f"{path}/messages/{message['id']}/threads", {"name": "thread"})
    for each in ("/users/@me", "/oauth2/applications/@me", "/gateway", "/gateway/bot", path, f"{path}/messages"):
        assert (await bare.send("GET", each))[0] == 200
    for each in ("", "/channels", "/roles", "/threads/active", f"/members/{bare.user.id}"):
        assert (await bare.send("GET", f"/guilds/{guild}{each}"))[0] == 200
    thread = f"/channels/{message['id']}"
    for each in (thread, f"{thread}/messages", f"{path}/messages/pins", f"/users/{bare.user.id}"):
        assert (await bare.send("GET", each))[0] == 200
    await bare.send("PATCH", f"/channels/{message['id']}", {"archived": True})
    assert (await bare.send("GET", f"{path}/threads/archived/public"))[1]["threads"]
    assert (await bare.send("DELETE", f"/channels/{message['id']}"))[0] == 200
    assert bare.discord.own_violations == []
    assert bare.discord.violations == []


@needs_document
def test_a_problem_inside_a_component_is_named() -> None:
    document = Specification.from_environment()
    assert document
    body = {"components": [{"type": 1, "components": [{"type": 2, "style": 99, "label": "x", "custom_id": "y"}]}]}
    [problem] = document.request_problems("POST", "/channels/1/messages", [], body)
    assert problem.startswith("$.components[0].components[0].style")


def test_integer_ids_become_strings_and_component_ids_stay() -> None:
    body = {"attachments": [{"id": 0}], "components": [{"type": 10, "id": 3}], "recipient_id": 5, "flags": 4}
    assert with_string_ids(body) == {**body, "attachments": [{"id": "0"}], "recipient_id": "5"}
