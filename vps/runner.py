"""The one seam to the host: run a command, talk to a running one, put a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from vps.errors import CommandFailed
from vps.shell import Command


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended. `exit_code` is negative for a signal."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """stdout as text; bytes that are no UTF-8 become U+FFFD."""
        return self.stdout.decode("utf-8", "replace")


class Process(Protocol):
    """A running command: write to it, read it in chunks, await its end."""

    def chunks(self) -> AsyncIterator[bytes]:
        """stdout as it comes, in pieces of any size, until it ends."""
        ...

    async def write(self, data: bytes) -> None:
        """To stdin; waits while the peer is slow."""
        ...

    async def wait(self) -> Done:
        """The end; `stdout` is empty here (it went through `chunks`)."""
        ...


class Runner(Protocol):
    """What the layers above need of a host. Raises HostError when there is none to be had."""

    async def run(self, command: Command, *, stdin: bytes = b"", timeout: float = 60.0) -> Done:
        """Run to the end, at most `timeout` seconds (HostTimeout). A code other than 0 is no exception here."""
        ...

    def stream(self, command: Command) -> AbstractAsyncContextManager[Process]:
        """Start a command and talk to it; leaving the block ends it."""
        ...

    async def put(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        """Write a file atomically, with its directories."""
        ...


async def check(runner: Runner, command: Command, *, stdin: bytes = b"", timeout: float = 60.0) -> Done:
    """Run a command that has to succeed. Raises CommandFailed otherwise."""
    done = await runner.run(command, stdin=stdin, timeout=timeout)
    if done.exit_code != 0:
        words = str(command).split(" ")[:2]
        raise CommandFailed(" ".join(words), done.exit_code, done.stderr.decode("utf-8", "replace"))
    return done
