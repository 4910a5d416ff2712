"""One conversation with the text agent, as a person in the demo has it: a mention, a yes, an answer."""

from __future__ import annotations

from pathlib import Path

from simcord.components import walk_components

from bot.demo.browser import screenshot
from bot.demo.stage import Stage
from bot.demo.view import shown

_WITHIN_S = 300.0
YES = "Yes, do it"
_HEIGHT = 520
"""Of the picture, in pixels: a conversation is short."""


async def converse(found: Stage, words: str, picture: Path | None) -> int:
    """Say it to the bot, agree to what it asks, and wait for the answer; the id of the conversation's thread.

    A picture of the page is taken while the question is open.
    """
    discord = found.discord
    discord.person.say_typed(discord.channel_id, f"@{discord.world.backend.bot_user.name} {words}")
    thread = await discord.newest_thread(_WITHIN_S)
    await discord.text_with(thread, f"[{YES}]", _WITHIN_S)
    if picture:
        ready = (
            f"[...document.querySelectorAll('.pane.thread button')].some((each) => each.textContent.includes('{YES}'))"
        )
        await screenshot(f"{discord.page_url}#{thread}", picture, ready=ready, height=_HEIGHT)
    message, button = _button(found, thread)
    await discord.person.press(thread, message, button)
    await discord.text_with(thread, "scripted model", _WITHIN_S)
    return thread


def _button(found: Stage, thread: int) -> tuple[int, str]:
    """The message and custom id of the yes."""
    for message in shown(found.discord.world, thread):
        for part in walk_components(message.components):
            if part.get("label") == YES:
                return message.id, str(part["custom_id"])
    raise LookupError(YES)
