"""People's calls of tools: answered privately, and told about when the bot stops in the middle."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, cast

import discord

from agents.crew import Crew
from agents.tools.core import Call, Output, Tool
from bot import people
from bot.anchor import PrivateProgress
from bot.attached import apart, fetched
from bot.confirm import asked
from bot.render.answers import answer, failure
from bot.replies import deliver, unimportant
from vps.errors import VpsError

if TYPE_CHECKING:
    from bot.app import Bot

STOPPING = "⏸️ The bot was stopped in the middle of this. What was under way may have been done: look, then ask again."
_STOPPING_S = 5.0
"""What telling people may take of the time that systemd and Docker give (10 s at least)."""


class Calls:
    """Those under way."""

    def __init__(self) -> None:
        self._tasks = set[asyncio.Task[Any]]()

    @contextlib.contextmanager
    def under_way(self) -> Generator[None]:
        """The task that this is entered in is cancelled when the bot stops before the block has ended."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self._tasks)

    async def stop(self) -> None:
        """End all of them; each tells the one who waits for it."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOPPING_S)


async def invoked(crew: Crew, tool: Tool[Any, Any], given: dict[str, Any], call: Call) -> Output:
    """A command's tool, with what the files hold that were given with it. Nothing is fetched for who may not."""
    plain, files = apart(given)
    if files:
        await tool.check(crew, plain, call)
        plain["files"] = await fetched(files, crew.settings.attachment_bytes)
    output: Output = await tool.invoke(crew, plain, call)
    return output


async def answered(interaction: discord.Interaction[Any], work: Callable[[Call], Awaitable[Output]]) -> None:
    """Defer, do the work, and put its output or what is wrong in the place of the private answer."""
    bot = cast("Bot", interaction.client)
    with bot.calls.under_way():
        rights = await bot.people.rights(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        origin, progress = people.origin(interaction), PrivateProgress(interaction)
        try:
            output = await work(Call(origin, rights, progress, asked(interaction), str(interaction.id)))
            # Some answers have a picture, which takes a tenth of a second to draw.
            text, files = await asyncio.to_thread(answer, output)
        except VpsError as error:
            text, files = failure(error, bot.crew.mask), ()
        except asyncio.CancelledError:
            with unimportant():
                await deliver(interaction, STOPPING)
            raise
        await deliver(interaction, bot.crew.mask.text(text), files)
