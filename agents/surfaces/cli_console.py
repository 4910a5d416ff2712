"""The terminal: answers on stdout, everything else on stderr, and a question that Ctrl-C can end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import termios
import threading
from typing import Self, TextIO

_CLEAR = "\r\x1b[K"
"""To the line's beginning, and nothing on it (ECMA-48: CR, EL)."""
_LAYOUT = "\n\t"


def answer(text: str) -> None:
    """A line of the result, or several. A pipe gets them as they are, a terminal without what could drive it."""
    _line(sys.stdout, text)


def tell(text: str) -> None:
    """A line about what is being done."""
    _line(sys.stderr, text)


def printable(text: str, keep: str = "") -> str:
    """The text with a space for every sign that moves a cursor, colours or hides; those in `keep` stay."""
    return "".join(sign if sign.isprintable() or sign in keep else " " for sign in text)


def _line(stream: TextIO, text: str) -> None:
    stream.write(f"{printable(text, keep=_LAYOUT) if stream.isatty() else text}\n")
    stream.flush()


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
        line = printable(text)
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
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    return (await _typed()).strip().lower() in ("y", "yes")


async def secret(prompt: str) -> str:
    """A line that the person types unseen, or that a pipe gives."""
    if not sys.stdin.isatty():
        return (await _typed()).strip()
    before = termios.tcgetattr(0)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    try:
        # First: it drops what was typed so far, and whoever sees the prompt may type.
        termios.tcsetattr(0, termios.TCSAFLUSH, silent)
        _write(prompt)
        return (await _typed()).strip()
    finally:
        termios.tcsetattr(0, termios.TCSAFLUSH, before)
        _write("\n")


async def _typed() -> str:
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
