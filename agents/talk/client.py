"""The way to the model: by a conversation's socket of the gateway, anew where the connection to the VPS broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import structlog

from agents.config import Settings, SettingsError
from agents.crew import Crew, Progress
from agents.talk.errors import Broken
from vps import talks
from vps.errors import HostError, HostUnreachable, VpsError
from vps.image import State

if TYPE_CHECKING:
    from anthropic.types import Message

log = structlog.get_logger()

_TRIES = 3
"""Where the connection to the VPS broke."""
_BACK_S, _AGAIN_S = 60.0, 1.0
_LONGEST_S = 600.0


def require_key(settings: Settings) -> None:
    """Raises SettingsError where nobody can talk: there is no credential, or one for Claude Code alone."""
    settings.require_credential()
    if settings.ANTHROPIC_API_KEY is None:
        remedy = "Set ANTHROPIC_API_KEY; commands and agents work without."
        raise SettingsError("Talking to me is off: a subscription's token is for Claude Code alone.", remedy=remedy)


class Model:
    """Asks for one turn of a conversation; `path` is that of its socket on the VPS."""

    def __init__(self, crew: Crew, path: str) -> None:
        self._crew, self._path = crew, path

    async def answer(
        self, messages: list[dict[str, Any]], told: Callable[[str], None], again: Callable[[], None]
    ) -> Message:
        """The whole answer; `told` has its words as they come, and `again` that they come anew.

        Raises ModelRefused, or HostError where the connection to the VPS does not last.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                async with asyncio.timeout(_LONGEST_S):
                    return await self._asked(messages, told)
            except (Broken, HostError, TimeoutError) as error:
                await log.awarning("the model's answer broke off", error=str(error), attempt=attempt)
                again()
                if attempt == _TRIES:
                    raise _lasting(error) from error
            await self._back()
        raise AssertionError

    async def _back(self) -> None:
        """Until there is a connection again, or for a while."""
        await asyncio.sleep(_AGAIN_S)
        try:
            async with asyncio.timeout(_BACK_S):
                await self._crew.host.up.wait()
        except TimeoutError:
            return

    async def _asked(self, messages: list[dict[str, Any]], told: Callable[[str], None]) -> Message:
        from agents.talk import api  # noqa: PLC0415  see `_load`

        # One way for each answer: what was opened for a whole turn would be gone after a lost connection.
        async with self._crew.host.socket(self._path) as here:
            return await api.answer(here, self._crew.settings.AGENTFLOW_TALK_MODEL, messages, told)


def _lasting(error: Exception) -> VpsError:
    if isinstance(error, VpsError):
        return error
    return HostUnreachable(
        "The way to the model broke off again and again.", remedy="See `agentflow doctor`, then ask again."
    )


def _load() -> None:
    """Beside the loop: the SDK takes 40 MiB and 1.9 s (measured), which a bot that nobody writes to does without."""
    import_module("agents.talk.api")


@asynccontextmanager
async def opened(crew: Crew, name: str, person: str, progress: Progress) -> AsyncGenerator[Model]:
    """The model for one turn of the conversation of that name, which `person` pays for.

    Raises SettingsError, BadInput or HostError, with the remedy.
    """
    require_key(crew.settings)
    await asyncio.to_thread(_load)
    if not await crew.gateway.is_current():
        if await crew.image.state() is not State.CURRENT:
            await crew.image.ensure(progress)
        await crew.gateway.ensure(progress)
    async with talks.admitted(crew.relay, name, person, crew.settings.AGENTFLOW_TALK_BUDGET) as path:
        yield Model(crew, path)
