"""Replies: what is said to an agent, to the first words of its answer, beside the same by hand, in turn.

Warm, a CLI waits: ours for its inbox; by hand on the stdin of a `docker run` that is held open over ssh. Cold, none is there: ours
is woken; by hand a fresh container resumes the session.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from agents.crew import Order
from bench import by_hand
from bench.figures import Row, ratios
from bot.demo.stage import Stage
from vps import inbox
from vps.commands.claude import user_message
from vps.follower import End, Fault, Piece
from vps.models import CliOptions, Origin
from vps.provision import provision
from vps.relay import Relay

WARM, COLD = 21, 7
_TASK = "scenario:ok"
_FIRST, _RESULT = b'{"type":"assistant"', b'{"type":"result"'
_ENDED = b'"subtype": "turn_ended"'
_BOUND_S = 60.0


Reply = Callable[[], Awaitable[float]]
"""Says something once; milliseconds to the first words of the answer. It returns once the turn is over."""


async def measure(stage: Stage, directory: Path, warm: int = WARM, cold: int = COLD) -> list[Row]:
    """One of each that is not counted, then both in turn. The stage has to keep who is done warm for longer than this takes."""
    root = stage.bot.crew.settings.AGENTFLOW_ROOT
    async with Relay(stage.bot.crew.host, await provision(stage.bot.crew.host, root), root) as relay:
        async with _ours(stage, relay) as mine, _held(stage) as theirs:
            await _both(mine.warm, theirs.say, 1)
            rows = _rows("warm", "a CLI on stdin", *await _both(mine.warm, theirs.say, warm))
        fresh = Resumed(stage, directory / "sessions-by-hand")
        async with _ours(stage, relay) as mine:
            await fresh.begin()
            await _both(mine.cold, fresh.say, 1)
            return rows + _rows("cold", "`--resume`", *await _both(mine.cold, fresh.say, cold))


async def _both(ours: Reply, theirs: Reply, count: int) -> tuple[list[float], list[float]]:
    pairs = [(await ours(), await theirs()) for _ in range(count)]
    return [mine for mine, _ in pairs], [other for _, other in pairs]


def _rows(how: str, other: str, mine: list[float], theirs: list[float]) -> list[Row]:
    what = f"reply to first token, {how}"
    return [
        Row(f"{what}: AgentFlow", "ms", mine),
        Row(f"{what}: {other} by hand", "ms", theirs),
        ratios(f"{what}: AgentFlow / by hand", mine, theirs, ""),
    ]


class Ours:
    """An agent that is idle, and what is said to it through the relay, as the tool does."""

    def __init__(self, stage: Stage, relay: Relay, name: str) -> None:
        self._stage, self._relay, self._name = stage, relay, name
        self._log = stage.workspace.parent / "runs" / name / "out" / "out.jsonl"

    async def warm(self) -> float:
        """See `Reply`."""
        read, started = self._log.stat().st_size, time.perf_counter()
        # Who follows before it is said misses no moment of it.
        first = asyncio.create_task(_first(self._relay, self._name, read, started))
        await self._say()
        return await first

    async def cold(self) -> float:
        """See `Reply`; it is put to sleep first."""
        await self._relay.ask("order", {"name": self._name, "order": {"op": "sleep"}})
        await _gone(self._stage, self._name)
        read, started = self._log.stat().st_size, time.perf_counter()
        # There is nothing to be followed before it is woken; the CLI needs longer to start than following does.
        await self._say()
        return await _first(self._relay, self._name, read, started)

    async def _say(self) -> None:
        await inbox.say(self._relay, self._name, _TASK, str(uuid.uuid4()))


async def _gone(stage: Stage, name: str) -> None:
    async with asyncio.timeout(_BOUND_S):
        while (run := await stage.bot.crew.runs.describe(name, tail=0)).alive or run.container:
            await asyncio.sleep(0.1)


async def _first(relay: Relay, name: str, read: int, started: float) -> float:
    """When the first words came after these bytes of the log. It returns once the turn is over."""
    seen, first = b"", 0.0
    async with asyncio.timeout(_BOUND_S), aclosing(relay.follow(name, read)) as updates:
        async for update in updates:
            assert not isinstance(update, End | Fault), update
            seen += update.data if isinstance(update, Piece) else b""
            now = (time.perf_counter() - started) * 1000
            first = first or (now if _FIRST in seen else 0.0)
            if _ENDED in seen:
                break
    assert first, "the agent said nothing"
    return first


@asynccontextmanager
async def _ours(stage: Stage, relay: Relay) -> AsyncGenerator[Ours]:
    """One whose first turn is over."""
    crew = stage.bot.crew
    order = Order(_TASK, str(stage.workspace), 600, CliOptions(), {}, memory=None, cpus=None)
    run = await crew.spawn(order, Origin(surface="bench"), _silent)
    await _first(relay, run.name, 0, 0.0)
    try:
        yield Ours(stage, relay, run.name)
    finally:
        await crew.runs.stop(run.name)
        await _gone(stage, run.name)


async def _silent(_text: str) -> None:
    return None


class Held:
    """By hand, a CLI whose stdin is held open."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    async def say(self) -> float:
        """See `Reply`."""
        started = time.perf_counter()
        self._stdin.write(user_message(_TASK, str(uuid.uuid4())).encode())
        await self._stdin.drain()
        return await _first_line(self._stdout, started)


@asynccontextmanager
async def _held(stage: Stage) -> AsyncGenerator[Held]:
    argv = by_hand.argv(stage, "--input-format", "stream-json", keeps_stdin=True)
    async with _process(argv, asyncio.subprocess.PIPE) as process:
        held = Held(process)
        await held.say()
        yield held


class Resumed:
    """By hand, a fresh container for each message, which resumes the session."""

    def __init__(self, stage: Stage, sessions: Path) -> None:
        self._stage, self._sessions, self._session = stage, sessions, str(uuid.uuid4())

    async def begin(self) -> None:
        """The session's first turn."""
        self._sessions.mkdir()
        self._sessions.chmod(0o777)  # the image's user writes there
        await self._run("--session-id")

    async def say(self) -> float:
        """See `Reply`."""
        return await self._run("--resume")

    async def _run(self, flag: str) -> float:
        argv = by_hand.argv(self._stage, flag, self._session, _TASK, sessions=self._sessions)
        started = time.perf_counter()
        async with _process(argv, asyncio.subprocess.DEVNULL) as process:
            assert process.stdout is not None
            return await _first_line(process.stdout, started)


async def _first_line(stdout: asyncio.StreamReader, started: float) -> float:
    first = 0.0
    async with asyncio.timeout(_BOUND_S):
        while line := await stdout.readline():
            now = (time.perf_counter() - started) * 1000
            first = first or (now if line.startswith(_FIRST) else 0.0)
            if line.startswith(_RESULT):
                assert first, "the CLI by hand said nothing"
                return first
    raise AssertionError("the CLI by hand gave no result")


@asynccontextmanager
async def _process(argv: list[str], stdin: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    """It is waited for: the next one finds no container of it."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=stdin, stdout=asyncio.subprocess.PIPE, env=by_hand.environ(), limit=1 << 24
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        async with asyncio.timeout(_BOUND_S):
            await process.communicate()
