"""Many agents at once: an event's way into its thread, and what the bot needs for it, with 1, 10 and 100 of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator

from discord.utils import snowflake_time

from bench.figures import Row
from bench.processes import cpu_s, memory_mib
from tests.chaos.agents import ScriptedAgent, numbers
from tests.chaos.stage import Stage, stage

CROWDS = (1, 10, 100)
LINES, PAUSE_S = 60, 1.0
"""Of each agent: a line a second on average, at random moments."""
_SEED = 7
_TOLD_S = 300.0


async def measure() -> list[Row]:
    """Each crowd on a stage of its own, under Discord's limits of 5 messages in 5 s a channel and 50 requests a second."""
    return [row for number in CROWDS for row in await _crowd(number)]


async def _crowd(number: int) -> list[Row]:
    async with stage() as made:
        chance = random.Random(_SEED)
        began, used = time.monotonic(), cpu_s(made.bot.pid)
        agents = [made.start_anchored_agent(LINES, PAUSE_S, chance) for _ in range(number)]
        await made.all_written()
        cores = (cpu_s(made.bot.pid) - used) / (time.monotonic() - began)
        async with asyncio.timeout(_TOLD_S):
            while not all(made.ended(agent) for agent in agents):
                await asyncio.sleep(0.2)
        assert all(made.told(agent).right for agent in agents)
        values = [ms for agent in agents for ms in _latencies(made, agent)]
        of = f"{number} agent{'s' if number > 1 else ''} at once"
        return [
            Row(f"{of}: event to Discord", "ms", values),
            Row(f"{of}: requests Discord refused (429)", "", [made.discord.limits.refused]),
            Row(f"{of}: CPU of the bot", "cores", [cores]),
            Row(f"{of}: memory of the bot, highest", "MiB", [memory_mib(made.bot.pid, "VmHWM")]),
        ]


def _latencies(made: Stage, agent: ScriptedAgent) -> Iterator[float]:
    """Of every line, from its last byte in the log to the message that has it, ms on this machine's clock."""
    thread = made.thread(agent)
    assert thread is not None
    for message in made.discord.messages(thread):
        texts = [
            message.content,
            *(each.data.decode() for each in message.attachments if each.filename.endswith(".md")),
        ]
        for line in {line for text in texts for line in numbers(text)}:
            yield (snowflake_time(message.id).timestamp() - agent.written_at[line - 1]) * 1000
