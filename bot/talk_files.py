"""What a person attached to what they wrote to the text agent: it reads none of it, and hands it on to agents by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import discord

from agents.attachments import Attachment, safe_names
from bot.attached import attached, fetched
from vps.errors import BadInput


class Files:
    """Those of the messages that are answered, each by a name of its own."""

    def __init__(self, messages: Iterable[discord.Message], most_bytes: int) -> None:
        """`most_bytes` is the limit of each that is handed on."""
        found = [each for message in messages for each in attached(message)]
        self._offered = dict(zip(safe_names(each.filename for each in found), found, strict=True))
        self._most_bytes = most_bytes

    @property
    def names(self) -> tuple[str, ...]:
        """What the model is told of them."""
        return tuple(self._offered)

    async def fetched(self, names: Sequence[str]) -> tuple[Attachment, ...]:
        """Those, in that order; what cannot be had says so. Raises BadInput for a name that there is none of."""
        if unknown := next((each for each in names if each not in self._offered), None):
            there = ", ".join(self._offered) or "no files"
            what = f"{unknown} is not attached to what you answer; {there} is."
            raise BadInput("files", what, remedy="What came with earlier messages has to be attached again.")
        found = await fetched([self._offered[each] for each in names], self._most_bytes)
        return tuple(file.model_copy(update={"name": name}) for name, file in zip(names, found, strict=True))
