"""A seeded schedule of faults against agents that count, and what came of it."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.chaos.faults import ALL
from tests.chaos.stage import Stage
from tests.chaos.talk import Heard, Talker

_RECOVERED_S = 120.0
_TOLD_S = 300.0
_LINES, _PAUSE_S = 60, 0.25


@dataclass(frozen=True, slots=True)
class Happened:
    """One fault: seconds until it was noticed, where that shows, and until something written since stood in a thread."""

    kind: str
    noticed_s: float | None
    recovered_s: float


@dataclass(slots=True)
class Report:
    """All of a schedule."""

    seed: int
    agents: int = 0
    lines: int = 0
    lost: int = 0
    repeated: int = 0
    out_of_order: int = 0
    heard: Heard = field(default_factory=Heard)
    happened: list[Happened] = field(default_factory=list[Happened])

    @property
    def right(self) -> bool:
        return (self.lost, self.repeated, self.out_of_order) == (0, 0, 0) and self.heard.right

    def text(self) -> str:
        """A table of the times, in seconds, and the sums."""
        rows = [f"{'fault':34}{'times':>6}{'noticed: median':>17}{'worst':>8}{'recovered: median':>19}{'worst':>8}"]
        for kind in dict.fromkeys(each.kind for each in self.happened):
            of = [each for each in self.happened if each.kind == kind]
            noticed = _both([each.noticed_s for each in of if each.noticed_s is not None])
            recovered = _both([each.recovered_s for each in of])
            rows.append(f"{kind:34}{len(of):6}{noticed[0]:>17}{noticed[1]:>8}{recovered[0]:>19}{recovered[1]:>8}")
        rows.append(
            f"seed {self.seed}: {len(self.happened)} faults, {self.agents} agents, {self.lines} lines: "
            f"lost {self.lost}, repeated {self.repeated}, out of order {self.out_of_order}"
        )
        rows.append(
            f"{self.heard.said} messages typed, {self.heard.refused} after the end: lost {self.heard.unheard}, "
            f"repeated {self.heard.repeated}, out of order {self.heard.out_of_order}, not shown as taken {self.heard.unshown}"
        )
        return "\n".join(rows)


def _both(seconds: Sequence[float]) -> tuple[str, str]:
    return (f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("–", "–")


def drawn(chance: random.Random, number: int) -> list[str]:
    """So many faults: each kind as often as the others, in any order."""
    kinds = [list(ALL)[at % len(ALL)] for at in range(number)]
    chance.shuffle(kinds)
    return kinds


async def run(stage: Stage, seed: int, faults: int, agents: int, say: Callable[[str], None]) -> Report:
    """Break things while `agents` of them count at any time, then wait for all of it to be told, and compare."""
    chance, report = random.Random(seed), Report(seed)
    talker = Talker(stage, random.Random(seed))
    talking = asyncio.create_task(talker.talk())
    for number, kind in enumerate(drawn(chance, faults), 1):
        while stage.writing < agents:
            await _start(stage, chance)
        say(f"{number}/{faults} {kind}")
        report.happened.append(await _one(stage, kind, chance))
    await stage.all_written()
    talking.cancel()
    await _all_told(stage, talker)
    report.heard = talker.heard()
    for agent in stage.agents:
        told = stage.told(agent)
        if not told.right:
            say(f"{agent.name} ({agent.task}): {told}\n{stage.shown(agent)}")
        report.agents, report.lines = report.agents + 1, report.lines + agent.lines
        report.lost += told.lost
        report.repeated += told.repeated
        report.out_of_order += told.out_of_order
    return report


async def _start(stage: Stage, chance: random.Random) -> None:
    """One in ten is real, where there is an engine for it."""
    if stage.engine is not None and len(stage.agents) % 10 == 9:
        await stage.start_real_agent()
    else:
        stage.start_agent(_LINES, _PAUSE_S, chance)


async def _one(stage: Stage, kind: str, chance: random.Random) -> Happened:
    # The moment within the bot's own rounds must not be the same every time.
    await asyncio.sleep(chance.random() * 0.5)
    at = time.monotonic()
    noticed = await ALL[kind](stage, chance)
    written = {agent.name: agent.written for agent in stage.agents}
    async with asyncio.timeout(_RECOVERED_S):
        while not _news(stage, written):
            await asyncio.sleep(0.05)
    return Happened(kind, noticed, time.monotonic() - at)


def _news(stage: Stage, written: dict[str, int]) -> bool:
    """Whether some thread shows what was written since; agents that have ended in between have nothing more to say."""
    running = [agent for agent in stage.agents if written[agent.name] < agent.lines]
    return not running or any(max(stage.shown(agent), default=0) > written[agent.name] for agent in running)


async def _all_told(stage: Stage, talker: Talker) -> None:
    """Until every thread tells its agent's end; what is missing then is lost, and the comparison says so."""
    deadline = time.monotonic() + _TOLD_S
    while time.monotonic() < deadline and not (all(map(stage.ended, stage.agents)) and talker.heard().right):
        await asyncio.sleep(0.2)
