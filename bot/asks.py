"""The buttons below what a thread asks of people: let an agent reach a host, add to a budget."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self, cast

import discord

from agents.tools.budget import RAISE_BUDGET
from agents.tools.reach import ALLOW_HOST
from bot.calls import answered
from bot.ending import work_buttons
from bot.questions import controls
from bot.render import questions
from vps.host.layout import NAME

if TYPE_CHECKING:
    from bot.app import Bot

_ALLOW, _BUDGET = "agentflow:ok:", "agentflow:usd:"
_MOST = 10
"""Lines of asks below one message; the rest can be typed."""


def buttons(run: str, asks: tuple[str, ...]) -> discord.ui.View | None:
    """Those of a message."""
    view = discord.ui.View(timeout=None)
    if (question := questions.known(asks)) is not None:
        for item in controls(run, question):
            view.add_item(item)
        return view
    for ask in asks[:_MOST]:
        kind, _, about = ask.partition(":")
        if kind == "allow":
            view.add_item(AllowButton(run, about, always=False))
            view.add_item(AllowButton(run, about, always=True))
        elif kind == "work":
            for button in work_buttons(run, about):
                view.add_item(button)
        elif kind == "budget":
            view.add_item(BudgetButton(run, about))
    return view if view.children else None


class AllowButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=re.escape(_ALLOW) + f"(?P<always>[1a]):(?P<run>{NAME.pattern}):(?P<host>.+)",
):
    """Lets a run, or every agent of its workspace, reach a host. It works after a restart of the bot too."""

    def __init__(self, run: str, host: str, *, always: bool) -> None:
        label = f"Always allow {host}" if always else f"Allow {host}"
        style = discord.ButtonStyle.secondary
        custom_id = f"{_ALLOW}{'a' if always else '1'}:{run}:{host}"
        super().__init__(discord.ui.Button(label=label[:80], style=style, custom_id=custom_id))
        self._run, self._host, self._always = run, host, always

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """See discord.py."""
        return cls(match["run"], match["host"], always=match["always"] == "a")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Allow it, if the one who pressed may."""
        crew = cast("Bot", interaction.client).crew
        given = {"container_id": self._run, "host": self._host, "always": self._always}
        await answered(interaction, lambda call: ALLOW_HOST.invoke(crew, given, call))


class BudgetButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=re.escape(_BUDGET) + f"(?P<scope>run|person|day):(?P<run>{NAME.pattern})",
):
    """Asks how much to add to a budget."""

    def __init__(self, run: str, scope: str) -> None:
        style, custom_id = discord.ButtonStyle.primary, f"{_BUDGET}{scope}:{run}"
        super().__init__(discord.ui.Button(label="Add to the budget", style=style, custom_id=custom_id))
        self._run, self._scope = run, scope

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """See discord.py."""
        return cls(match["run"], match["scope"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Ask."""
        await interaction.response.send_modal(BudgetForm(self._run, self._scope))


class BudgetForm(discord.ui.Modal, title="Add to the budget"):
    """How many USD."""

    usd: discord.ui.TextInput[Any] = discord.ui.TextInput(label="USD", custom_id="usd", default="5", max_length=10)

    def __init__(self, run: str, scope: str) -> None:
        super().__init__()
        self._run, self._scope = run, scope

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Add it, if the one who filled it in may."""
        crew = cast("Bot", interaction.client).crew
        given = {"container_id": self._run, "scope": self._scope, "usd": self.usd.value.strip()}
        await answered(interaction, lambda call: RAISE_BUDGET.invoke(crew, given, call))

    async def on_error(self, interaction: discord.Interaction[Any], error: Exception, /) -> None:
        """As for a command."""
        await cast("Bot", interaction.client).tell_error(interaction, error)
