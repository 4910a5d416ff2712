"""The faults: each breaks something, mends what does not mend itself, and tells how long it took to be noticed, if it can."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.chaos.stage import Stage
from tests.discord_standin.faults import Fault, Kind

Inject = Callable[[Stage, random.Random], Awaitable[float | None]]

_POSTS = r"/channels/\d+/messages$"
_ANY = r"/channels/\d+/messages"
_USED_S = 30.0
_SENDS_S = 90.0
"""Agents write all the time: so long without a message is a fault of the bot's, also right after its start on a busy machine."""
_STARTED_S = 120.0
"""A CLI in its container, and what takes an engine that has just started."""
NOTICED_S = 45.0
"""A half-open link has to be noticed within 30 s; the rest is room for a busy machine."""


async def killed(stage: Stage, chance: random.Random) -> None:
    """The bot, at any moment, for up to a second."""
    await stage.bot.kill()
    await asyncio.sleep(chance.random())
    await stage.start_bot()


async def killed_before_a_send_arrives(stage: Stage, _chance: random.Random) -> None:
    """The request is on its way, Discord has not taken it."""
    await _kill_at(stage, accepted=False)


async def killed_before_the_answer_arrives(stage: Stage, _chance: random.Random) -> None:
    """Discord has the message, the bot does not know; and by the time it is back, Discord has forgotten the nonce."""
    await _kill_at(stage, accepted=True)


async def _kill_at(stage: Stage, *, accepted: bool) -> None:
    gate = stage.discord.hold_next("POST", _POSTS, accepted=accepted)
    try:
        async with asyncio.timeout(_SENDS_S):
            await gate.reached.wait()
    except TimeoutError as error:
        raise AssertionError(f"the bot has sent nothing for {_SENDS_S} s:\n{stage.bot.tail()}") from error
    finally:
        await stage.bot.kill()
        gate.open()
        stage.discord.world.forget_nonces()
    await stage.start_bot()


async def killed_right_after_a_send(stage: Stage, chance: random.Random) -> None:
    """Somewhere between the answer and the commit behind it."""
    gate = stage.discord.hold_next("POST", _POSTS, accepted=True)
    with suppress(TimeoutError):
        async with asyncio.timeout(_USED_S):
            await gate.reached.wait()
    gate.open()
    await asyncio.sleep(chance.random() * 0.01)
    await stage.bot.kill()
    stage.discord.world.forget_nonces()
    await stage.start_bot()


async def sessions_killed(stage: Stage, _chance: random.Random) -> float:
    """sshd's processes of this connection."""
    before, at = stage.link.connections, time.monotonic()
    await stage.server.kill_sessions()
    return await _until(lambda: stage.link.connections > before, at)


async def sshd_restarted(stage: Stage, chance: random.Random) -> float:
    """sshd itself, away for up to two seconds."""
    before, at = stage.link.connections, time.monotonic()
    await stage.server.stop()
    await asyncio.sleep(chance.random() * 2)
    await stage.server.start()
    return await _until(lambda: stage.link.connections > before, at)


async def link_stalled(stage: Stage, chance: random.Random) -> None:
    """Nothing passes for up to three seconds: too short to be called lost."""
    stage.link.freeze()
    await asyncio.sleep(chance.random() * 3)
    stage.link.thaw()


async def link_frozen(stage: Stage, _chance: random.Random) -> float:
    """Nothing passes until the connection is given up: a cable pulled out, not a reset."""
    before, at = stage.link.connections, time.monotonic()
    stage.link.freeze()
    try:
        return await _until(lambda: stage.link.connections > before, at)
    finally:
        stage.link.thaw()


async def gateway_dropped(stage: Stage, _chance: random.Random) -> float:
    """The websocket is reset; the session can be resumed."""
    return await _reconnected(stage, stage.discord.gateway.drop)


async def gateway_invalidated(stage: Stage, _chance: random.Random) -> float:
    """The session is gone: a new one has to be made."""
    return await _reconnected(stage, stage.discord.gateway.invalidate)


async def _reconnected(stage: Stage, breaks: Callable[[], None]) -> float:
    gateway, at = stage.discord.gateway, time.monotonic()
    before = gateway.identifies + gateway.resumes
    breaks()
    return await _until(lambda: gateway.identifies + gateway.resumes > before, at)


async def rate_limited(stage: Stage, chance: random.Random) -> None:
    """429, for the channel or for everything."""
    fault = stage.discord.fail_next("*", _ANY, status=429, retry_after=0.3, everywhere=chance.random() < 0.3)
    await _used(fault)


async def server_errors(stage: Stage, chance: random.Random) -> None:
    """5xx, several in a row."""
    fault = stage.discord.fail_next("*", _ANY, status=chance.choice([500, 502, 503]), times=chance.randint(1, 3))
    await _used(fault)


async def reset_before(stage: Stage, chance: random.Random) -> None:
    """The connection breaks before the message was taken."""
    await _used(stage.discord.reset_next("POST", _POSTS, times=chance.randint(1, 2)))


async def reset_after(stage: Stage, chance: random.Random) -> None:
    """The connection breaks after the message was taken; sometimes the nonce is forgotten too."""
    await _used(fault := stage.discord.reset_next("POST", _POSTS, accepted=True, times=chance.randint(1, 2)))
    assert fault.kind is Kind.RESET_AFTER
    if chance.random() < 0.5:
        stage.discord.world.forget_nonces()


async def outage(stage: Stage, chance: random.Random) -> None:
    """All of Discord refuses connections for up to two seconds."""
    async with stage.discord.outage():
        await asyncio.sleep(chance.random() * 2)


async def state_disk_full(stage: Stage, chance: random.Random) -> None:
    """Nothing can be committed for up to two seconds."""
    ballast = stage.state / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    await asyncio.sleep(chance.random() * 2)
    ballast.unlink()


async def state_lost(stage: Stage, _chance: random.Random) -> None:
    """The bot dies and its database with it."""
    await stage.bot.kill()
    for path in stage.state.glob("agentflow.sqlite3*"):
        path.unlink()
    stage.discord.world.forget_nonces()
    await stage.start_bot()


async def docker_restarted(stage: Stage, chance: random.Random) -> float:
    """dockerd with all its containers, away for up to two seconds: their threads tell that, after every line they have said."""
    assert stage.engine is not None
    agent = await stage.start_real_agent()
    at = time.monotonic()
    while agent.written < 3:
        assert time.monotonic() - at < _STARTED_S
        await asyncio.sleep(0.05)
    await asyncio.sleep(chance.random())
    at = time.monotonic()
    await stage.engine.stop()
    await asyncio.sleep(chance.random() * 2)
    await stage.engine.start()
    return await _until(lambda: stage.ended(agent), at, within_s=_STARTED_S)


async def _used(fault: Fault) -> None:
    """Until the ordered failures have happened; there may be nothing to fail."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_USED_S):
            while fault.hits < fault.times:
                await asyncio.sleep(0.02)
    fault.hits = fault.times


async def _until(happened: Callable[[], bool], since: float, *, within_s: float = NOTICED_S) -> float:
    """The seconds it took."""
    async with asyncio.timeout(within_s):
        while not happened():
            await asyncio.sleep(0.02)
    return time.monotonic() - since


DOCKER = "dockerd restarted"
ALL: dict[str, Inject] = {
    "bot killed": killed,
    "bot killed, send not arrived": killed_before_a_send_arrives,
    "bot killed, answer not arrived": killed_before_the_answer_arrives,
    "bot killed after a send": killed_right_after_a_send,
    "bot killed, state lost": state_lost,
    "state disk full": state_disk_full,
    "ssh sessions killed": sessions_killed,
    "sshd restarted": sshd_restarted,
    "link stalled": link_stalled,
    "link frozen": link_frozen,
    "gateway reset": gateway_dropped,
    "gateway session invalid": gateway_invalidated,
    "429": rate_limited,
    "5xx": server_errors,
    "reset before acceptance": reset_before,
    "reset after acceptance": reset_after,
    "Discord away": outage,
    DOCKER: docker_restarted,
}
