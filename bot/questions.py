"""What is pressed below a question of an agent's: options, a menu, yes and no, a form for words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self, cast

import discord

from agents.rights import Right
from agents.tools.answer import ANSWER
from bot.calls import answered
from vps.host.layout import NAME
from vps.questions import LONGEST

if TYPE_CHECKING:
    from bot.app import Bot

_BUTTON, _MENU = "agentflow:a:", "agentflow:m:"
_WHICH = rf"(?P<run>{NAME.pattern}):(?P<question>[A-Za-z0-9_-]{{1,40}})"
_ROW = 5
_LABEL, _LISTED = 80, 100
"""Discord's limits for the label of a button, and of an option in a menu and what is said of it."""
_OTHER, _WORDS, _NO = "w", "a", "n"
_VERDICTS = {"y": "yes", "s": "always"}
_STYLES = {"y": discord.ButtonStyle.success, "s": discord.ButtonStyle.secondary, _NO: discord.ButtonStyle.danger}
_LABELS = {
    "plan": {"y": "Approve", "s": "Approve, ask nothing more", _NO: "Reject…"},
    "permission": {"y": "Allow", "s": "Always allow", _NO: "Deny…"},
}
_FORMS = {_OTHER: "In other words", _WORDS: "Answer", _NO: "Why not?"}


def controls(run: str, known: dict[str, Any]) -> list[discord.ui.Item[Any]]:
    """Those of one question, by what `bot.render.questions.word` tells of it."""
    which, kind = str(known["id"]), str(known["kind"])
    if kind in _LABELS:
        verbs = [verb for verb in _LABELS[kind] if verb != "s" or known["always"]]
        return [AnswerButton(run, which, verb, _LABELS[kind][verb]) for verb in verbs]
    options: list[list[str]] = known["options"]
    if not options:
        return [AnswerButton(run, which, _WORDS, "Answer…")]
    other = AnswerButton(run, which, _OTHER, "Other…")
    if known["several"] or len(options) > _ROW:
        return [AnswerMenu(run, which, options, several=bool(known["several"])), other]
    return [*(AnswerButton(run, which, str(n), label) for n, (label, _) in enumerate(options, 1)), other]


async def _give(interaction: discord.Interaction[Any], run: str, question: str, **given: str) -> None:
    crew = cast("Bot", interaction.client).crew
    raw = {"container_id": run, "question": question, "answer": "", **given}
    await answered(interaction, lambda call: ANSWER.invoke(crew, raw, call))


class AnswerButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=re.escape(_BUTTON) + _WHICH + rf":(?P<verb>[ys{_NO}{_OTHER}{_WORDS}]|\d{{1,2}})",
):
    """One answer, or the form for one. It works after a restart of the bot too."""

    def __init__(self, run: str, question: str, verb: str, label: str = "") -> None:
        style = _STYLES.get(verb, discord.ButtonStyle.primary if verb.isdecimal() else discord.ButtonStyle.secondary)
        custom_id = f"{_BUTTON}{run}:{question}:{verb}"
        super().__init__(discord.ui.Button(label=label[:_LABEL] or "…", style=style, custom_id=custom_id))
        self._run, self._question, self._verb = run, question, verb

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """See discord.py."""
        return cls(match["run"], match["question"], match["verb"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answer, or ask for the words; who may not is told before any are typed."""
        if self._verb in _VERDICTS:
            await _give(interaction, self._run, self._question, answer=_VERDICTS[self._verb])
        elif self._verb.isdecimal():
            await _give(interaction, self._run, self._question, options=self._verb)
        elif Right.RUN in await cast("Bot", interaction.client).people.rights(interaction):
            await interaction.response.send_modal(AnswerForm(self._run, self._question, self._verb))
        else:
            await _give(interaction, self._run, self._question)


class AnswerMenu(
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=re.escape(_MENU) + _WHICH,
):
    """Many options, or several at once."""

    def __init__(
        self, run: str, question: str, options: list[list[str]] | None = None, *, several: bool = False
    ) -> None:
        listed = [
            discord.SelectOption(label=label[:_LISTED] or "…", value=str(number), description=about[:_LISTED] or None)
            for number, (label, about) in enumerate(options or [["…", ""]], 1)
        ]
        menu: discord.ui.Select[Any] = discord.ui.Select(
            custom_id=f"{_MENU}{run}:{question}",
            options=listed,
            max_values=len(listed) if several else 1,
            placeholder="Choose some" if several else "Choose one",
        )
        super().__init__(menu)
        self._run, self._question = run, question

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """See discord.py."""
        return cls(match["run"], match["question"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answer with what was chosen."""
        await _give(interaction, self._run, self._question, options=",".join(self.item.values))


class AnswerForm(discord.ui.Modal):
    """Words of somebody's own: an answer, or why not."""

    words: discord.ui.TextInput[Any] = discord.ui.TextInput(
        label="Your words", custom_id="words", style=discord.TextStyle.paragraph, max_length=LONGEST
    )

    def __init__(self, run: str, question: str, verb: str) -> None:
        super().__init__(title=_FORMS[verb])
        self._run, self._question, self._verb = run, question, verb
        self.words.required = verb != _NO

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Answer with them."""
        words = self.words.value.strip()
        answer = f"no: {words}" if self._verb == _NO else words
        await _give(interaction, self._run, self._question, answer=answer)

    async def on_error(self, interaction: discord.Interaction[Any], error: Exception, /) -> None:
        """As for a command."""
        await cast("Bot", interaction.client).tell_error(interaction, error)
