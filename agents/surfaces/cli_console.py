"""The terminal: answers on stdout, everything else on stderr, and a question that Ctrl-C can end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import threading
from typing import Self

_CLEAR = "\r\x1b[K"
"""To the line's beginning, and nothing on it (ECMA-48: CR, EL)."""


def answer(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """A line about what is being done."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """What went wrong, with its remedy."""
    tell(f"error: {text}")


class Steps:
    """Steps of long work on stderr: one line rewritten in place on a terminal, a line each elsewhere, none when quiet.

    `async with` takes the rewritten line away again before anything else is said.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._rewrites = sys.stderr.isatty()
        self._shown = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._shown:
            _write(_CLEAR)

    async def __call__(self, text: str) -> None:
        """Tell of a step."""
        line = "".join(sign if sign.isprintable() else " " for sign in text)
        if self._quiet:
            return
        if not self._rewrites:
            tell(line)
            return
        # A line that wrapped could not be taken back.
        columns = shutil.get_terminal_size().columns
        _write(f"{_CLEAR}{line[: columns - 1]}")
        self._shown = True


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


async def confirm(question: str) -> bool:
    """Ask the person; anything but yes, also the end of stdin, is no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return (await _line()).strip().lower() in ("y", "yes")


async def _line() -> str:
    loop = asyncio.get_running_loop()
    read: asyncio.Future[str] = loop.create_future()

    def resolve(text: str) -> None:
        if not read.done():
            read.set_result(text)

    def wait() -> None:
        # Not through sys.stdin: its lock, held by a thread that waits, would break the interpreter's exit.
        try:
            text = os.read(0, 1024).decode("utf-8", "replace")
        except OSError:
            text = ""
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits for an answer any more
            loop.call_soon_threadsafe(resolve, text)

    # A daemon of its own: the loop's executor would hold up Ctrl-C until the person presses Enter.
    threading.Thread(target=wait, daemon=True).start()
    return await read
