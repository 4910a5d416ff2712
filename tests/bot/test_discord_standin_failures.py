"""The stand-in fails as Discord does, and the real discord.py client reacts as it does to Discord."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import discord
import pytest

from tests.discord_standin import StandIn
from tests.discord_standin.sample import Stage, connected, staged

MESSAGES = r"/channels/\d+/messages$"
MEMBERS_INTENT = 1 << 1
ALL_PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with StandIn() as standin, staged(standin) as running:
        yield running
        assert standin.own_violations == []


def channel_of(stage: Stage) -> discord.TextChannel:
    channel = stage.bot.get_channel(stage.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return channel


async def drop(standin: StandIn) -> None:
    standin.gateway.drop()


async def go_away(standin: StandIn) -> None:
    await standin.gateway.close(1001)


async def unknown_error(standin: StandIn) -> None:
    await standin.gateway.close(4000)


async def reconnect(standin: StandIn) -> None:
    standin.gateway.ask_to_reconnect()


@pytest.mark.parametrize(
    "interrupt",
    [
        pytest.param(drop, id="connection reset"),
        pytest.param(reconnect, id="op 7"),
        pytest.param(go_away, id="1001"),
        pytest.param(unknown_error, id="4000"),
    ],
)
async def test_events_missed_while_disconnected_are_replayed_once(
    stage: Stage, interrupt: Callable[[StandIn], Awaitable[None]]
) -> None:
    await stage.discord.say(stage.user, stage.channel, "before")
    await interrupt(stage.discord)
    await stage.discord.say(stage.user, stage.channel, "during")
    await stage.discord.wait_for(lambda: stage.discord.gateway.resumes and stage.discord.gateway.connected)
    await stage.discord.say(stage.user, stage.channel, "after")
    await stage.bot.hears("after")
    assert stage.bot.heard == ["before", "during", "after"]
    assert stage.discord.gateway.identifies == 1


async def test_an_unknown_session_is_identified_anew(stage: Stage) -> None:
    stage.discord.gateway.forget_sessions()
    stage.discord.gateway.drop()
    await stage.discord.wait_for(lambda: stage.discord.gateway.identifies == 2)
    await stage.discord.say(stage.user, stage.channel, "back")
    await stage.bot.hears("back")


async def test_a_client_whose_heartbeats_are_not_acknowledged_reconnects() -> None:
    async with StandIn() as standin:
        standin.gateway.heartbeat_interval = 0.2
        async with staged(standin):
            standin.gateway.ack_heartbeats = False
            await standin.wait_for(lambda: standin.gateway.resumes)


async def test_a_wrong_token_is_refused() -> None:
    async with StandIn() as standin:
        standin.token = "another"
        with pytest.raises(ExceptionGroup) as failure:
            async with connected(standin):
                pass
    assert failure.group_contains(discord.LoginFailure)


async def test_an_intent_that_was_not_granted_is_refused() -> None:
    async with StandIn(granted_intents=MEMBERS_INTENT) as standin:
        with pytest.raises(ExceptionGroup) as failure:
            async with connected(standin):
                pass
    assert failure.group_contains(discord.PrivilegedIntentsRequired)


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_rate_limited_request_is_sent_again(stage: Stage, everywhere: bool) -> None:
    stage.discord.fail_next("POST", MESSAGES, status=429, retry_after=0.05, everywhere=everywhere)
    await channel_of(stage).send("hello")
    assert [call.status for call in stage.discord.requests("POST", MESSAGES)] == [429, 200]
    assert stage.discord.transcript(stage.channel) == "agentflow: hello"


@pytest.mark.parametrize("status", [500, 502])
async def test_a_server_error_is_retried(stage: Stage, status: int) -> None:
    stage.discord.fail_next("POST", MESSAGES, status=status)
    await channel_of(stage).send("hello")
    assert [call.status for call in stage.discord.requests("POST", MESSAGES)] == [status, 200]


async def test_a_forbidden_request_raises(stage: Stage) -> None:
    stage.discord.fail_next("POST", MESSAGES, status=403, code=50013)
    with pytest.raises(discord.Forbidden) as failure:
        await channel_of(stage).send("hello")
    assert failure.value.code == 50013


async def test_a_reset_before_acceptance_leaves_nothing(stage: Stage) -> None:
    stage.discord.reset_next("POST", MESSAGES)
    with pytest.raises(OSError, match="reset by peer"):
        await channel_of(stage).send("hello")
    assert stage.discord.messages(stage.channel) == []


async def test_a_nonce_makes_a_retry_after_a_reset_post_once(stage: Stage) -> None:
    stage.discord.reset_next("POST", MESSAGES, accepted=True)
    with pytest.raises(OSError, match="reset by peer"):
        await channel_of(stage).send("hello", nonce="n-1")
    again = await channel_of(stage).send("hello", nonce="n-1")
    assert [message.id for message in stage.discord.messages(stage.channel)] == [again.id]


async def test_a_held_request_waits_for_its_gate(stage: Stage) -> None:
    gate = stage.discord.hold_next("POST", MESSAGES)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(channel_of(stage).send("hello"))
        await gate.reached.wait()
        assert stage.discord.messages(stage.channel) == []
        gate.open()
    assert stage.discord.transcript(stage.channel) == "agentflow: hello"


async def test_an_outage_refuses_connections_and_ends(stage: Stage) -> None:
    async with stage.discord.outage():
        with pytest.raises(aiohttp.ClientConnectorError):
            await channel_of(stage).send("lost")
        await stage.discord.say(stage.user, stage.channel, "meanwhile")
    await stage.discord.connected()
    await stage.bot.hears("meanwhile")


async def test_an_expired_token_is_refused(stage: Stage) -> None:
    interaction = await stage.discord.slash(stage.user, stage.channel, "spawn", task="x")
    await stage.discord.thread_in(stage.channel)
    interaction.expired = True
    answered = stage.bot.interactions[-1]
    with pytest.raises(discord.HTTPException) as failure:
        await answered.edit_original_response(content="late")
    assert failure.value.code == 50027
