"""What a person sees of a command while it works: the message a thread hangs on, or a private answer with its progress."""

from __future__ import annotations

import time
from typing import Any

import discord

from bot.render.text import plain, shorten
from bot.replies import unimportant

_EDIT_S = 1.5


class Anchor:
    """The message a thread hangs on; edited at most every 1.5 s."""

    def __init__(
        self,
        title: str,
        interaction: discord.Interaction | None = None,
        *,
        message: discord.PartialMessage | None = None,
    ) -> None:
        """Of an interaction that is to be answered by it, or the `message` that is there."""
        self._interaction = interaction
        self._title = title
        self._message = message
        self._answer: discord.PartialMessage | None = None
        self._edited = 0.0

    async def open(self, channel_id: int | None) -> int:
        """Make it the answer; inside a thread, where no thread can open, a message in the channel above."""
        asked = self._interaction
        assert asked is not None
        response = await asked.edit_original_response(content=self._title)
        if channel_id is None or channel_id == asked.channel_id:
            if asked.channel_id is not None:
                channel = asked.client.get_partial_messageable(asked.channel_id)
                self._answer = channel.get_partial_message(response.id)
            return response.id
        await asked.edit_original_response(content=f"{self._title}\n-# in <#{channel_id}>")
        channel = asked.client.get_partial_messageable(channel_id, guild_id=asked.guild_id)
        self._message = channel.get_partial_message((await channel.send(self._title)).id)
        return self._message.id

    @property
    def message(self) -> discord.PartialMessage:
        """What it is, unless it answers an interaction."""
        assert self._message is not None
        return self._message

    async def progress(self, text: str) -> None:
        """Show a step of long work."""
        if time.monotonic() - self._edited >= _EDIT_S:
            self._edited = time.monotonic()
            with unimportant():
                await self.say(f"🏗️ {plain(text)}")

    async def say(self, text: str) -> None:
        """Put a line below the title."""
        content = shorten(f"{self._title}\n{text}", 2000)
        if self._message is not None:
            await self._message.edit(content=content)
            return
        assert self._interaction is not None
        try:
            await self._interaction.edit_original_response(content=content)
        except discord.HTTPException:
            # After 15 minutes the interaction is over; its answer is then a message like any other.
            if self._answer is None:
                raise
            await self._answer.edit(content=content)


class PrivateProgress:
    """A deferred private answer that shows the last step of long work; edited at most every 1.5 s."""

    def __init__(self, interaction: discord.Interaction[Any]) -> None:
        self._interaction = interaction
        self._edited = 0.0

    async def __call__(self, text: str) -> None:
        """Show a step."""
        if time.monotonic() - self._edited >= _EDIT_S:
            self._edited = time.monotonic()
            with unimportant():
                await self._interaction.edit_original_response(content=f"🏗️ {shorten(plain(text), 1800)}")


def title(task: str) -> str:
    """The anchor's first line."""
    return f"🚀 **{shorten(plain(' '.join(task.split())), 200)}**"
