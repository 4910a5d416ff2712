"""The client of the host's relay process: every run's log over one SSH channel, resumed at its offset after a drop."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import structlog

from vps.commands import host as host_commands
from vps.errors import HostError
from vps.outcome import DockerExit, SupervisorExit
from vps.runner import Process, Runner

log = structlog.get_logger()

_PING_S = 10.0
_RETRY_S = 1.0


class Link(Runner, Protocol):
    """A Runner that knows whether there is a connection."""

    up: asyncio.Event


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a log from `offset` on."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The run is over; its log ends at `size` and everything before was given."""

    size: int
    docker: DockerExit
    exit: SupervisorExit | None


@dataclass(frozen=True, slots=True)
class Fault:
    """The log can be followed no further: missing, shrank, replaced or unreadable. Nothing is ever replayed."""

    what: str


Update = Piece | End | Fault


@dataclass(slots=True)
class _Follower:
    offset: int
    queue: asyncio.Queue[Update]


class Relay:
    """`async with` starts it; `follow` may be called at any time, `new_runs` gives the names of runs that appear."""

    def __init__(self, link: Link, library: str, root: str) -> None:
        self._link = link
        self._command = host_commands.script(library, "relay", root)
        self._followers: dict[str, _Follower] = {}
        self._process: Process | None = None
        self._known: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.new_runs: asyncio.Queue[str] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="relay")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def follow(self, name: str, offset: int = 0) -> AsyncIterator[Update]:
        """The log from a byte offset on, until its End or a Fault. One follower a run."""
        if name in self._followers:
            raise ValueError(f"{name} is followed already")
        follower = self._followers[name] = _Follower(offset, asyncio.Queue())
        try:
            await self._order(op="follow", run=name, offset=offset)
            while True:
                update = await follower.queue.get()
                if not isinstance(update, Piece):
                    # Before the last yield: whoever stops asking then leaves this generator where it stands.
                    del self._followers[name]
                    yield update
                    return
                yield update
        finally:
            # A generator that was left where it stands ends late: by then somebody else may follow the run.
            if self._followers.get(name) is follower:
                del self._followers[name]
                await self._order(op="forget", run=name)

    async def _order(self, **order: object) -> None:
        # Without a process there is nobody to tell; a new one is told of all followers when it starts.
        if self._process is not None:
            with contextlib.suppress(HostError):
                await self._process.write(json.dumps(order).encode() + b"\n")

    async def _run(self) -> None:
        while True:
            await self._link.up.wait()
            try:
                await self._serve()
            except HostError as error:
                await log.awarning("relay lost", error=str(error))
            await asyncio.sleep(_RETRY_S)

    async def _serve(self) -> None:
        async with self._link.stream(self._command) as process:
            pings = asyncio.create_task(self._ping())
            try:
                self._process = process
                for name, follower in list(self._followers.items()):
                    await self._order(op="follow", run=name, offset=follower.offset)
                await self._read(process)
            finally:
                self._process = None
                pings.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await pings

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(_PING_S)
            await self._order(op="ping")

    async def _read(self, process: Process) -> None:
        buffer = bytearray()
        head: dict[str, Any] | None = None
        async for chunk in process.chunks():
            buffer += chunk
            while True:
                if head is None:
                    line, found, _ = buffer.partition(b"\n")
                    if not found:
                        break
                    del buffer[: len(line) + 1]
                    head = json.loads(line)
                assert head is not None
                size = int(head["size"]) if head["t"] == "data" else 0
                if len(buffer) < size:
                    break
                self._take(head, bytes(buffer[:size]))
                del buffer[:size]
                head = None
        done = await process.wait()
        await log.awarning(
            "relay ended", exit_code=done.exit_code, stderr=done.stderr.decode("utf-8", "replace")[-500:]
        )

    def _take(self, head: dict[str, Any], body: bytes) -> None:
        if head["t"] == "hello":
            self._announce(head["runs"])
        elif head["t"] == "run":
            self._announce([head["run"]])
        elif follower := self._followers.get(head.get("run", "")):
            self._deliver(follower, head, body)

    def _deliver(self, follower: _Follower, head: dict[str, Any], body: bytes) -> None:
        if head["t"] == "data":
            # A piece sent before a reconnect's `follow` arrived could come twice; only what continues is taken.
            if head["offset"] == follower.offset:
                follower.offset += len(body)
                follower.queue.put_nowait(Piece(head["offset"], body))
        elif head["t"] == "end":
            supervisor = SupervisorExit.model_validate(head["exit"]) if head["exit"] else None
            follower.queue.put_nowait(End(head["size"], DockerExit.model_validate(head["docker"]), supervisor))
        else:
            follower.queue.put_nowait(Fault(head["what"]))

    def _announce(self, names: list[str]) -> None:
        for name in names:
            if name not in self._known:
                self._known.add(name)
                self.new_runs.put_nowait(name)
