"""MCP over stdin and stdout: a JSON-RPC message a line (MCP 2025-11-25, basic/transports).

Not the SDK's own transport: that reads in a thread which holds up the end until the client says something more, and answers a
line that is no message with a log entry.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

T = TypeVar("T")

_CHUNK = 1 << 16
_LONGEST = 4 << 20
"""Bytes of a line, as of a request over HTTP (the SDK's bound)."""
_ANSWERING_S = 5.0
"""What requests before the end of stdin have left to be answered, so that a pipe gets its answers."""
_ENDING_S = 15.0


async def serve(server: Server[Any, Any], stop: asyncio.Event) -> None:
    """Serve one client until stdin ends, nobody reads stdout, or `stop` is set; calls under way are cancelled then."""
    with _claimed() as (source, sink):
        await _Wire(source, sink).serve(server, stop)


@contextlib.contextmanager
def _claimed() -> Generator[tuple[int, int]]:
    """Descriptors of stdin and stdout for the protocol alone: what is printed meanwhile goes to stderr, what is read is empty."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    sys.stdout.flush()
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    try:
        yield source, sink
    finally:
        sys.stdout.flush()
        os.dup2(source, 0)
        os.dup2(sink, 1)


class _Wire:
    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink
        self._asked = set[types.RequestId]()
        self._answered = asyncio.Condition()
        self._writing = asyncio.Lock()

    async def serve(self, server: Server[Any, Any], stop: asyncio.Event) -> None:
        given, taken = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        said, to_say = anyio.create_memory_object_stream[SessionMessage](0)
        reading = asyncio.create_task(self._read(given), name="mcp reads")
        writing = asyncio.create_task(self._write(to_say), name="mcp writes")
        running = asyncio.create_task(server.run(taken, said, server.create_initialization_options()), name="mcp")
        stopped = asyncio.create_task(stop.wait(), name="mcp stops")
        try:
            await asyncio.wait([reading, writing, running, stopped], return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            given.close()
            await asyncio.wait([running, writing], timeout=_ENDING_S)
            _raise_from(running)
        finally:
            tasks: list[asyncio.Task[Any]] = [reading, writing, running, stopped]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, given: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Until stdin ends and what was asked before is answered."""
        async for line in _lines(self._source):
            if not line.strip():
                continue
            message = _parsed(line)
            if isinstance(message, types.ErrorData):
                # Without an id, as JSON-RPC 2.0 wants it (5.1) where none could be read; the SDK's type has no room for that.
                await self._put(f'{{"jsonrpc":"2.0","id":null,"error":{message.model_dump_json(exclude_none=True)}}}')
                continue
            if isinstance(message.root, types.JSONRPCRequest):
                self._asked.add(message.root.id)
            await given.send(SessionMessage(message))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERING_S), self._answered:
                await self._answered.wait_for(lambda: not self._asked)

    async def _write(self, to_say: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Until the session ends, or nobody reads."""
        async for message in to_say:
            try:
                await self._put(message.message.model_dump_json(by_alias=True, exclude_none=True))
            except OSError:
                return
            if isinstance(message.message.root, types.JSONRPCResponse | types.JSONRPCError):
                async with self._answered:
                    self._asked.discard(message.message.root.id)
                    self._answered.notify_all()

    async def _put(self, text: str) -> None:
        async with self._writing:
            await _aside(lambda: _written(self._sink, f"{text}\n".encode()))


def _parsed(line: bytes) -> types.JSONRPCMessage | types.ErrorData:
    if len(line) > _LONGEST:
        return types.ErrorData(code=types.INVALID_REQUEST, message=f"A message has at most {_LONGEST} bytes.")
    try:
        return types.JSONRPCMessage.model_validate_json(line)
    except ValidationError as error:
        if error.errors(include_input=False)[0]["type"] == "json_invalid":
            return types.ErrorData(code=types.PARSE_ERROR, message="Parse error")
        return types.ErrorData(code=types.INVALID_REQUEST, message="Invalid request")


async def _lines(source: int) -> AsyncGenerator[bytes]:
    """Without their ends. Of one that is too long only as much is kept as shows that it is."""
    held = b""
    while chunk := await _aside(lambda: os.read(source, _CHUNK)):
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            yield held + line
            held = b""
        held = held if len(held) > _LONGEST else held + rest
    if held:
        yield held


async def _aside(work: Callable[[], T]) -> T:
    """Done in a daemon thread: the executor's would hold up the end of the process until the client says or takes something."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | OSError) -> None:
        if done.done():
            return
        if isinstance(result, OSError):
            done.set_exception(result)
        else:
            done.set_result(result)

    def run() -> None:
        try:
            result: T | OSError = work()
        except OSError as error:
            result = error
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits for it any more
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, daemon=True).start()
    return await done


def _written(sink: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]


def _raise_from(task: asyncio.Task[None]) -> None:
    if task.done() and not task.cancelled() and (error := task.exception()):
        raise error
