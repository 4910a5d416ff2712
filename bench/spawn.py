"""Spawn overhead: our start, and the same container started by hand over a fresh `ssh`, in turn."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from agents.crew import Order
from bench import by_hand
from bench.figures import Row, ratios
from bot.demo.stage import Stage
from vps.follower import Piece
from vps.models import CliOptions, Origin
from vps.provision import provision
from vps.relay import Relay

ROUNDS = 11
TASK = "scenario:ok"
_FIRST, _RESULT = b'"subtype":"init"', b'"type":"result"'


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds from the command to the first event and to the result."""

    first: float
    result: float


async def measure(stage: Stage) -> list[Row]:
    """One round of each that is not counted, then both in turn."""
    crew = stage.bot.crew
    root = crew.settings.AGENTFLOW_ROOT
    mine: list[Times] = []
    theirs: list[Times] = []
    # A relay beside the bot's own, which follows the same runs into Discord meanwhile.
    async with Relay(crew.host, await provision(crew.host, root), root) as relay:
        await ours(stage, relay)
        await by_hand_over_ssh(stage)
        for _ in range(ROUNDS):
            mine.append(await ours(stage, relay))
            theirs.append(await by_hand_over_ssh(stage))
    return [
        Row("spawn to first event: AgentFlow", "ms", [times.first for times in mine]),
        Row("spawn to first event: the same by hand over ssh", "ms", [times.first for times in theirs]),
        ratios("spawn to first event: AgentFlow / by hand", *_both(mine, theirs, "first"), "goal <= 0.90"),
        Row("spawn to result: AgentFlow", "ms", [times.result for times in mine]),
        Row("spawn to result: the same by hand over ssh", "ms", [times.result for times in theirs]),
        ratios("spawn to result: AgentFlow / by hand", *_both(mine, theirs, "result"), "goal <= 0.90"),
    ]


def _both(mine: list[Times], theirs: list[Times], name: str) -> tuple[list[float], list[float]]:
    return [getattr(times, name) for times in mine], [getattr(times, name) for times in theirs]


async def ours(stage: Stage, relay: Relay) -> Times:
    """The whole of a spawn as a tool call does it, through the connection and the relay that are there."""
    order = Order(TASK, str(stage.workspace), 600, CliOptions(), {}, memory=None, cpus=None)
    started = time.perf_counter()
    starting = asyncio.create_task(stage.bot.crew.spawn(order, Origin(surface="bench"), _silent))
    async with asyncio.timeout(60):
        name = await relay.new_runs.get()
        times = await _watched(relay, name, started)
        await starting
        while (await stage.bot.crew.runs.describe(name, tail=0)).alive:
            await asyncio.sleep(0.1)
    return times


async def _silent(_text: str) -> None:
    return None


async def _watched(relay: Relay, name: str, started: float) -> Times:
    seen, first = b"", 0.0
    async for update in relay.follow(name):
        assert isinstance(update, Piece), update
        seen += update.data
        now = (time.perf_counter() - started) * 1000
        first = first or (now if _FIRST in seen else 0.0)
        if _RESULT in seen:
            return Times(first, now)
    raise AssertionError


async def by_hand_over_ssh(stage: Stage) -> Times:
    """`ssh HOST docker run … claude -p …`: see `bench.by_hand`."""
    return await _timed(by_hand.argv(stage, TASK))


async def _timed(argv: list[str]) -> Times:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, env=by_hand.environ(), limit=1 << 24
    )
    assert process.stdout is not None
    first = result = 0.0
    async with asyncio.timeout(60):
        while line := await process.stdout.readline():
            now = (time.perf_counter() - started) * 1000
            first = first or (now if _FIRST in line else 0.0)
            result = result or (now if _RESULT in line else 0.0)
        await process.wait()
    assert first, "the CLI by hand gave no event"
    assert result, "the CLI by hand gave no result"
    return Times(first, result)
