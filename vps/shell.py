"""A command is a value. It is built by pure functions, and turned into a shell line in `render()` alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

Atom = str | int | float | None
Word = Atom | Iterable[Atom | Iterable[Atom]]


@dataclass(frozen=True, slots=True)
class Cmd:
    """One program and its arguments, not quoted. `str()` is for people and logs; no secret may stand in it."""

    argv: tuple[str, ...]

    def render(self) -> str:
        """The shell line that runs exactly this argv."""
        return shlex.join(self.argv)

    def __str__(self) -> str:
        return self.render()


@dataclass(frozen=True, slots=True)
class Joined:
    """Commands joined by a shell operator (`&&` or `|`)."""

    operator: str
    parts: tuple[Command, ...]

    def render(self) -> str:
        """The shell line; every part is quoted by its own `render()`."""
        return f" {self.operator} ".join(part.render() for part in self.parts)

    def __str__(self) -> str:
        return self.render()


Command = Cmd | Joined


def cmd(*words: Word) -> Cmd:
    """A command from words; `None` is left out, iterables are spliced in.

    Raises ValueError for a word with a NUL byte: no argv can carry it (execve(2)).
    """
    argv = tuple(_flatten(words))
    for word in argv:
        if "\0" in word:
            raise ValueError("a command argument holds a NUL byte")
    return Cmd(argv)


def both(*parts: Command) -> Joined:
    """Each in turn, as long as the one before ended with 0."""
    return Joined("&&", parts)


def pipe(*parts: Command) -> Joined:
    """The output of each is the input of the next."""
    return Joined("|", parts)


def _flatten(words: Iterable[Word]) -> Iterable[str]:
    for word in words:
        if word is None:
            continue
        if isinstance(word, str | int | float):
            yield str(word)
        else:
            yield from _flatten(word)
