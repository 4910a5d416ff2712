"""What was written to the text agent and waits for its turn, as it is by now: edits and deletions count until it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass

import discord

from agents.rights import Right

_MOST_READ = 1_000


@dataclass(slots=True)
class Said:
    """A message that waits for its turn, and what its author may do."""

    message: discord.Message
    rights: frozenset[Right]


class Line:
    """One for each channel that is answered in."""

    def __init__(self) -> None:
        self._coming = dict[int, discord.Message]()
        """Those of which it is not known yet who wrote them and where they are answered."""
        self._waiting: dict[int, list[Said]] = {}
        self._read = dict[int, str]()
        """The words of those that were read last, by id."""

    def length(self, channel_id: int) -> int:
        """How many messages are not answered yet."""
        return len(self._waiting.get(channel_id, ()))

    @contextlib.contextmanager
    def coming(self, message: discord.Message) -> Generator[None]:
        """Meanwhile it is looked at; it may join."""
        self._coming[message.id] = message
        try:
            yield
        finally:
            self._coming.pop(message.id, None)

    def join(self, channel_id: int, message_id: int, rights: frozenset[Right]) -> bool:
        """Whether it is the first one there, so that somebody has to begin to answer. One that was deleted by now is none."""
        message = self._coming.pop(message_id, None)
        if message is None:
            return False
        is_first = channel_id not in self._waiting
        self._waiting.setdefault(channel_id, []).append(Said(message, rights))
        return is_first

    def edited(self, message: discord.Message) -> bool:
        """Whether it comes too late: it was read, in other words. Discord tells as an edit too that it shows one otherwise."""
        if message.id in self._read:
            is_late = self._read[message.id] != message.content
            self._read[message.id] = message.content
            return is_late
        if message.id in self._coming:
            self._coming[message.id] = message
        for said in (said for waiting in self._waiting.values() for said in waiting):
            if said.message.id == message.id:
                said.message = message
        return False

    def deleted(self, message_id: int) -> None:
        """It does not wait any more, unless it was read."""
        self._coming.pop(message_id, None)
        if message_id not in self._read:
            for waiting in self._waiting.values():
                waiting[:] = [said for said in waiting if said.message.id != message_id]

    def batches(self, channel_id: int) -> Generator[list[Said]]:
        """What waits there, a person's messages together; they have been answered when the next are asked for."""
        waiting = self._waiting[channel_id]
        try:
            while waiting:
                waiting.sort(key=lambda said: said.message.id)
                batch = _of_one(waiting)
                self._reads(batch)
                yield batch
                del waiting[: len(batch)]
        finally:
            del self._waiting[channel_id]

    def _reads(self, batch: list[Said]) -> None:
        self._read.update((said.message.id, said.message.content) for said in batch)
        while len(self._read) > _MOST_READ:
            del self._read[next(iter(self._read))]


def _of_one(waiting: list[Said]) -> list[Said]:
    """The first ones, as far as one person wrote them."""
    author = waiting[0].message.author.id
    end = next((at for at, said in enumerate(waiting) if said.message.author.id != author), len(waiting))
    return waiting[:end]
