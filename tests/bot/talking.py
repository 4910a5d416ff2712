"""A scene whose text agent and agents ask a model of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from tests.bot.scene import KEY, Ground, Scene, opened
from vps.testing.model import Answer, Conversation, ScriptedModel


@asynccontextmanager
async def talking_to(ground: Ground, script: Callable[[Conversation], Answer]) -> AsyncGenerator[Scene]:
    """A scene with a model that answers by the script."""
    async with (
        ScriptedModel(api_key=KEY, script=script) as model,
        opened(ground, ANTHROPIC_BASE_URL=model.url) as found,
    ):
        found.model = model
        yield found
