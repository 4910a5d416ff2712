"""A program on a terminal of its own: what it writes there, and keys pressed."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import termios
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Terminal:
    """`shown` is everything that was written, escapes included."""

    process: asyncio.subprocess.Process
    master: int
    shown: str = ""
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def shows(self, text: str, within: float = 60.0) -> None:
        """Wait until a text was written. Raises TimeoutError, with what was written instead."""
        try:
            async with asyncio.timeout(within):
                while text not in self.shown:
                    self.more.clear()
                    await self.more.wait()
        except TimeoutError:
            raise TimeoutError(f"{text!r} is not in {self.shown!r}") from None

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    async def ended(self, within: float = 60.0) -> int:
        """Its exit code."""
        async with asyncio.timeout(within):
            code = await self.process.wait()
        # What it wrote last may not have been read yet.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                while True:
                    self.more.clear()
                    await self.more.wait()
        return code

    def read(self) -> None:
        with contextlib.suppress(OSError):
            if data := os.read(self.master, 65_536):
                self.shown += data.decode("utf-8", "replace")
                self.more.set()


@contextlib.asynccontextmanager
async def on_terminal(
    argv: list[str], environ: Mapping[str, str], cwd: Path, *, columns: int = 120, rows: int = 40
) -> AsyncGenerator[Terminal]:
    """Start it with stdin, stdout and stderr on the terminal, which is its controlling one: Ctrl-C reaches it as a key."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    # setsid(1) makes the terminal the new session's own.
    process = await asyncio.create_subprocess_exec(
        "setsid",
        "--ctty",
        "--wait",
        *argv,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env={**environ, "TERM": "xterm"},
    )
    os.close(slave)
    os.set_blocking(master, False)
    terminal = Terminal(process, master)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, terminal.read)
    try:
        yield terminal
    finally:
        loop.remove_reader(master)
        os.close(master)
        if process.returncode is None:
            process.kill()
            await process.wait()
