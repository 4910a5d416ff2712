"""The menu of a message: run an agent on what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import discord
from discord import app_commands

from agents.tools import defaults
from agents.tools.core import Call
from agents.tools.spawn import SPAWN
from bot import people
from bot.attached import Offered, attached
from bot.render.text import shorten
from vps.errors import VpsError
from vps.models import Origin

if TYPE_CHECKING:
    from bot.app import Bot

NAME = "Run an agent on this message"
_LONGEST = 4000
_ASKING_S = 1.0
"""The form has to be there within Discord's 3 s."""


def run_on_message() -> app_commands.ContextMenu:
    """The menu's entry; it opens a form in which the task can be changed first."""

    async def callback(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        bot = cast("Bot", interaction.client)
        task = task_of(message)
        call = Call(people.origin(interaction), await bot.people.rights(interaction))
        await SPAWN.check(bot.crew, {"task": task or "?"}, call)
        await interaction.response.send_modal(TaskForm(task, await _workspace(bot, call.origin), attached(message)))

    return app_commands.ContextMenu(name=NAME, callback=callback)


async def _workspace(bot: Bot, origin: Origin) -> str:
    """Where the channel's agents work; in the scratch workspace where that cannot be told in time."""
    try:
        async with asyncio.timeout(_ASKING_S):
            return str((await defaults.of_channel(bot.crew, origin))["workspace_path"].value)
    except (KeyError, VpsError, TimeoutError):
        return bot.crew.workspaces.path("workspace")


def task_of(message: discord.Message) -> str:
    """Its text, a forwarded one's too."""
    parts = (message, *message.message_snapshots)
    return shorten("\n".join(part.content for part in parts if part.content), _LONGEST)


def _title(files: int) -> str:
    return "Run an agent" + (f" with {files} file{'s'[: files != 1]}" if files else "")


class TaskForm(discord.ui.Modal):
    """The task as it will be given, and where."""

    task: discord.ui.TextInput[Any] = discord.ui.TextInput(
        label="Task", custom_id="task", style=discord.TextStyle.paragraph, max_length=_LONGEST
    )
    workspace: discord.ui.TextInput[Any] = discord.ui.TextInput(
        label="Workspace path", custom_id="workspace_path", max_length=4000
    )

    def __init__(self, task: str, workspace: str, files: Sequence[Offered]) -> None:
        """The message's `files` go with it."""
        super().__init__(title=_title(len(files)))
        self._files = files
        self.task.default = task
        self.workspace.default = workspace

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Spawn, as the command does."""
        bot = cast("Bot", interaction.client)
        given = {"task": self.task.value, "workspace_path": self.workspace.value, "files": self._files}
        await bot.spawns.ask(interaction, given)

    async def on_error(self, interaction: discord.Interaction[Any], error: Exception, /) -> None:
        """As for a command."""
        await cast("Bot", interaction.client).tell_error(interaction, error)
