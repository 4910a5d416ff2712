"""The client of the host's relay process: every run's log and every question over one SSH channel.

Logs are resumed at their offset after a drop. A question that was under way then fails: nobody knows whether it was done.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Protocol, Self

import structlog

from vps.commands import host as host_commands
from vps.errors import (
    BadInput,
    CommandFailed,
    DiskFull,
    HostError,
    HostTimeout,
    HostUnreachable,
    TooMuchOutput,
    VpsError,
)
from vps.follower import End, Fault, Follower, Update
from vps.host.command import LIMIT
from vps.runner import Done, Process, Runner
from vps.shell import Cmd, Command

log = structlog.get_logger()

_PING_S = 5.0
_SILENT_S = 12.0
"""Two pings without an answer, and what a busy host may take for one."""
_PATIENCE_S = 4.0
"""What a question waits for a connection: a drop is mended in that time, and a longer loss is told at once."""
_RETRY_S = 1.0
_HELLO_S = 30.0
_LATE_S = 5.0
"""What a command's own bound on the host may be overrun by, before the answer counts as lost."""
_ASKED_AT_ONCE = 64
_REMEDY = "The host needs Python 3.9 or newer and room on its disk; `agentflow doctor` tells which is missing."


class Link(Runner, Protocol):
    """A Runner that knows whether there is a connection."""

    up: asyncio.Event
    lost: HostError | None
    """Why there is none."""


class Relay:
    """One host's relay. It is a Runner whose commands run in the relay process: no session, no login shell for each.

    `async with` starts it, and raises HostError if it does not start. From then on it is started again whenever the connection
    comes back. `new_runs` gives the names of runs that appear, or are woken; one may come twice.
    """

    def __init__(self, link: Link, library: str, root: str) -> None:
        self.library = library
        self.root = root
        self.new_runs: asyncio.Queue[str] = asyncio.Queue()
        self._link = link
        self._followers: dict[str, Follower] = {}
        self._process: Process | None = None
        self._known: set[str] = set()
        self._ends: dict[str, int] = {}
        """How long the logs were of those whose end was told."""
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._first: asyncio.Future[None] | None = None
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        self._slots = asyncio.Semaphore(_ASKED_AT_ONCE)
        self._heard = time.monotonic()

    async def __aenter__(self) -> Self:
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name="relay")
        try:
            async with asyncio.timeout(_HELLO_S):
                await self._first
        except TimeoutError as error:
            await self._close()
            raise HostTimeout("The relay on the host does not answer.", remedy=_REMEDY) from error
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def ask(self, verb: str, request: dict[str, Any] | None = None, *, timeout: float = 60.0) -> dict[str, Any]:
        """The answer to one of `vps.host.answers`' questions, within `timeout` seconds.

        Raises BadInput or DiskFull for what the host refuses, HostTimeout, or HostUnreachable when the connection broke
        meanwhile: then it is open whether it was done.
        """
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout), self._slots:
                await self._reachable()
                if answer.done():
                    answer.result()  # the connection broke while this waited for it: it was never asked
                await self._order(op="ask", id=number, verb=verb, request=request or {})
                found = await answer
        except TimeoutError as error:
            raise HostTimeout(f"The host did not answer `{verb}` in time.", remedy="Check its load.") from error
        finally:
            del self._asked[number]
        if "failed" in found:
            raise CommandFailed(verb, None, found["failed"])
        if "refused" in found:
            raise _refusal(found["refused"])
        return found

    @property
    def silent_since(self) -> float | None:
        """Since when nothing is heard of the host, epoch seconds; None while it answers."""
        silence = time.monotonic() - self._heard
        return None if self._up.is_set() and silence < _SILENT_S else time.time() - silence

    async def _reachable(self) -> None:
        """Raises HostUnreachable where there has been no answer for a while."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._up.wait()
        except TimeoutError:
            pass
        if (since := self.silent_since) is not None:
            ago = f"The VPS has not answered for {time.time() - since:.0f} s."
            reason = f" {self._link.lost}" if self._link.lost else ""
            raise HostUnreachable(ago + reason, remedy="It is tried again and again; `agentflow doctor` tells more.")

    async def run(self, command: Command, *, stdin: bytes = b"", timeout: float = 60.0) -> Done:
        """See `Runner.run`. What needs a shell gets a session of its own."""
        if not isinstance(command, Cmd):
            return await self._link.run(command, stdin=stdin, timeout=timeout)
        encoded = base64.b64encode(stdin).decode("ascii")
        request = {"argv": list(command.argv), "stdin": encoded, "timeout_s": timeout}
        done = await self.ask("run", request, timeout=timeout + _LATE_S)
        if "flooding" in done:
            raise TooMuchOutput(f"`{command.argv[0]}` was ended on the host: it printed more than {LIMIT >> 20} MiB.")
        if "late" in done:
            raise HostTimeout(f"`{command.argv[0]}` did not end on the host within {timeout:g} s.")
        return Done(done["exit_code"], base64.b64decode(done["stdout"]), base64.b64decode(done["stderr"]))

    def stream(self, command: Command) -> AbstractAsyncContextManager[Process]:
        """See `Runner.stream`."""
        return self._link.stream(command)

    async def put(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        """See `Runner.put`."""
        await self._link.put(path, data, mode=mode)

    async def follow(self, name: str, offset: int = 0) -> AsyncGenerator[Update]:
        """The log from a byte offset on, until its End or a Fault. One follower a run."""
        if name in self._followers:
            raise ValueError(f"{name} is followed already")
        follower = self._followers[name] = Follower(offset)
        try:
            await self._order(op="follow", run=name, offset=offset)
            while True:
                update = await follower.queue.get()
                if isinstance(update, (End, Fault)):
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
                self._lost(error)
                await log.awarning("relay lost", error=str(error))
            except Exception as error:  # noqa: BLE001  whatever the host said: nobody else would start the relay again
                self._lost(HostUnreachable(f"The relay on the host said something odd: {error}.", remedy=_REMEDY))
                await log.aexception("relay lost")
            await asyncio.sleep(_RETRY_S)

    def _lost(self, error: HostError) -> None:
        assert self._first is not None
        for waiting in (self._first, *self._asked.values()):
            if not waiting.done():
                waiting.set_exception(error)

    async def _serve(self) -> None:
        async with self._link.stream(host_commands.relay(self.library, self.root)) as process, self._pinged():
            try:
                self._process = process
                for name, follower in list(self._followers.items()):
                    await self._order(op="follow", run=name, offset=follower.offset)
                await self._read(process)
            finally:
                self._process = None
                self._up.clear()

    @asynccontextmanager
    async def _pinged(self) -> AsyncGenerator[None]:
        pings = asyncio.create_task(self._ping())
        try:
            yield
        finally:
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
            self._heard = time.monotonic()
            buffer += chunk
            while True:
                if head is None:
                    line, found, _ = buffer.partition(b"\n")
                    if not found:
                        break
                    del buffer[: len(line) + 1]
                    head = json.loads(line)
                assert head is not None
                size = int(head["size"]) if head["t"] in ("data", "answer") else 0
                if len(buffer) < size:
                    break
                self._take(head, bytes(buffer[:size]))
                del buffer[:size]
                head = None
        done = await process.wait()
        text = done.stderr.decode("utf-8", "replace").strip()[-500:]
        raise HostUnreachable(f"The relay on the host ended with {done.exit_code}: {text}", remedy=_REMEDY)

    def _take(self, head: dict[str, Any], body: bytes) -> None:
        if head["t"] == "hello":
            self._greet(head["runs"], set(head["open"]), head["sizes"])
        elif head["t"] == "answer":
            if (waiting := self._asked.get(head["id"])) and not waiting.done():
                waiting.set_result(json.loads(body))
        elif head["t"] == "run":
            self._announce([head["run"]])
        elif follower := self._followers.get(head.get("run", "")):
            if head["t"] == "end":
                self._ends[head["run"]] = head["size"]
            follower.take(head, body)

    def _greet(self, names: list[str], is_open: set[str], sizes: dict[str, int]) -> None:
        """A run that was woken while the connection was lost, is on its way still or has more in its log than was told."""
        assert self._first is not None
        self._up.set()
        if not self._first.done():
            self._first.set_result(None)
        more = {name for name, size in sizes.items() if size != self._ends.get(name, size)}
        self._announce([name for name in names if name not in self._known or name in is_open | more])

    def _announce(self, names: list[str]) -> None:
        for name in names:
            self._known.add(name)
            self.new_runs.put_nowait(name)


def _refusal(refused: dict[str, str]) -> VpsError:
    if refused["field"] == "disk" or "No space left" in refused["message"]:
        return DiskFull(refused["message"] + ".", remedy=refused["remedy"] or "Free some on the host.")
    return BadInput(refused["field"], refused["message"] + ".", remedy=refused["remedy"])
