"""The buttons below a run's last message: what it changed, pushing it, and a pull request."""

from __future__ import annotations

import asyncio
import posixpath
import re
from typing import TYPE_CHECKING, Any, Self, cast

import discord

from agents.tools.core import Call, Output, Tool
from agents.tools.names import is_branch_name
from agents.tools.publishing import PULL_REQUEST, PUSH
from agents.tools.workspaces import DIFF
from bot.calls import answered
from vps.errors import BadInput, NoSuchRun, VpsError
from vps.host.layout import NAME
from vps.host.workspaces import SCRATCH
from vps.models import RunRecord
from vps.remotes import parse_remote

if TYPE_CHECKING:
    from bot.app import Bot

_ID = "agentflow:ws:"
_TITLE = 45
_TOLD_WITHIN_S = 1.5
"""Discord waits 3 s for a form."""
_STYLES = {
    "diff": ("Diff", discord.ButtonStyle.secondary),
    "push": ("Push", discord.ButtonStyle.primary),
    "pr": ("Open PR", discord.ButtonStyle.secondary),
}


def work_buttons(run: str, workspace: str) -> list[WorkspaceButton]:
    """For a run that changed something; the scratch workspace has nowhere to be pushed to."""
    verbs = ("diff",) if workspace == SCRATCH else tuple(_STYLES)
    return [WorkspaceButton(verb, run) for verb in verbs]


def workspace_of(record: RunRecord) -> str:
    """The workspace it worked in; older records have the path alone."""
    return record.workspace_name or posixpath.basename(record.workspace)


class WorkspaceButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=re.escape(_ID) + f"(?P<verb>diff|push|pr):(?P<name>{NAME.pattern})",
):
    """One of them; it works after a restart of the bot too."""

    def __init__(self, verb: str, name: str) -> None:
        label, style = _STYLES[verb]
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"{_ID}{verb}:{name}"))
        self._verb = verb
        self._name = name

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """See discord.py."""
        return cls(match["verb"], match["name"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Show the difference, or ask for what the tool needs beside the workspace."""
        if self._verb == "diff":
            await invoke(interaction, DIFF, self._name, {})
        elif self._verb == "push":
            bot = cast("Bot", interaction.client)
            branch, host = await _push_target(bot, self._name)
            title = bot.crew.mask.text(f"Push {branch} to {host}") if branch and host else "Push"
            await interaction.response.send_modal(PushForm(self._name, branch, title))
        else:
            await interaction.response.send_modal(PullRequestForm(self._name))


class PushForm(discord.ui.Modal, title="Push"):
    """Asks for the commit message, and tells what goes where: the agent chose the branch."""

    message: discord.ui.TextInput[Any] = discord.ui.TextInput(
        label="Commit message",
        custom_id="message",
        style=discord.TextStyle.paragraph,
        default="Work of an agent",
        max_length=4000,
    )

    def __init__(self, name: str, branch: str, title: str) -> None:
        super().__init__(title=_short(title))
        self._name = name
        # An agent may give a branch a name that no parameter takes; the title shows it all the same.
        self._branch = branch if is_branch_name(branch) else None

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Push."""
        await invoke(interaction, PUSH, self._name, {"commit_message": self.message.value, "branch": self._branch})


async def _push_target(bot: Bot, name: str) -> tuple[str, str]:
    """The branch and the remote's host; empty where that cannot be told in time for a form."""
    try:
        async with asyncio.timeout(_TOLD_WITHIN_S):
            record = (await bot.crew.runs.describe(name, tail=0)).record
            if record is None:
                return "", ""
            branch, url = await bot.crew.workspaces.push_target(workspace_of(record))
            return branch, parse_remote(url).host if url else ""
    except (VpsError, TimeoutError):
        return "", ""


def _short(title: str) -> str:
    """A form's title may have 45 characters; both ends tell something. What is in it may be an agent's."""
    title = "".join(sign if sign.isprintable() else "?" for sign in title)
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 21]}…{title[-20:]}"


class PullRequestForm(discord.ui.Modal, title="Open a pull request"):
    """Asks for its title and text."""

    subject: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Title", custom_id="title", max_length=250)
    body: discord.ui.TextInput[Any] = discord.ui.TextInput(
        label="Text", custom_id="body", style=discord.TextStyle.paragraph, required=False, max_length=4000
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Open it."""
        given = {"title": self.subject.value, "body": self.body.value or None}
        await invoke(interaction, PULL_REQUEST, self._name, given)


async def invoke(interaction: discord.Interaction[Any], tool: Tool[Any, Any], name: str, given: dict[str, Any]) -> None:
    """A workspace tool on the workspace of a run, answered privately."""
    crew = cast("Bot", interaction.client).crew

    async def work(call: Call) -> Output:
        try:
            record = (await crew.runs.describe(name, tail=0)).record
        except NoSuchRun:
            record = None
        if record is None:
            remedy = "Name the workspace in /workspace."
            unknown = BadInput("container_id", f"nothing is known of {name} any more.", remedy=remedy)
            await tool.refuse(crew, {"container_id": name, **given}, call, unknown)
        output: Output = await tool.invoke(crew, {"workspace_name": workspace_of(record), **given}, call)
        return output

    await answered(interaction, work)
