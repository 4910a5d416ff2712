"""The conversations with the ElevenLabs agent that go on at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from elevenlabs.client import ElevenLabs

from agents.crew import Crew
from agents.tools.core import Call
from agents.voice.account import opened
from agents.voice.calls import Later
from agents.voice.errors import VoiceUnavailable
from agents.voice.needs import require_agent
from agents.voice.roster import Roster
from agents.voice.talk import Talk
from agents.voice.turn import Pace

_LOOK_S = 15.0
"""How often idle sessions are looked for, at most."""


class Voices:
    """The conversations with the ElevenLabs agent, one a key (a Discord thread or channel) and person: what somebody says must
    never lead to a call with another's rights. Opened when first asked, closed when idle.
    """

    def __init__(self, crew: Crew, *, pace: Pace | None = None) -> None:
        self._crew, self._pace = crew, pace or Pace()
        self._roster = Roster(crew)
        self._talks: dict[tuple[str, str], Talk] = {}
        self._stack = ExitStack()
        self._client: ElevenLabs | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def ask(self, key: str, text: str, call: Callable[[str], Awaitable[Call]], later: Later | None = None) -> str:
        """Say `text` in the conversation, in text mode, and return what the agent answers, tools carried out meanwhile.

        `call(tool_call_id)` makes the Call of each tool call, and once before that with an empty id, by which it is known who
        speaks. `later` is told what comes after the answer: how long work and what waited for a button ended, and what the agent
        says then. Raises VoiceUnavailable with the remedy, SettingsError where no key or agent is set, and what `call` raises.
        """
        require_agent(self._crew.settings)
        origin = (await call("")).origin
        return await self._talk((key, origin.person)).ask(text, call, later)

    async def tell(self, person: str, text: str) -> int:
        """News (a run ended, asks, failed) for the conversations of that person (`Origin.person`); how many are open."""
        theirs = [talk for (_, whose), talk in self._talks.items() if whose == person]
        listening = sum(talk.is_open for talk in theirs)
        await asyncio.gather(*(talk.tell(text) for talk in theirs))
        return listening

    async def close(self, stopping: str = "") -> None:
        """End all of them; who waits for something under way is told `stopping`, where there is any."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        talks, self._talks = list(self._talks.values()), {}
        await asyncio.gather(*(talk.close(stopping) for talk in talks))
        self._stack.close()
        self._client = None

    def _talk(self, key: tuple[str, str]) -> Talk:
        if self._client is None:
            self._client = self._stack.enter_context(opened(self._crew.settings))
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep(), name="idle voice sessions")
        if key not in self._talks:
            agent_id = require_agent(self._crew.settings)
            self._talks[key] = Talk(self._crew, self._client, agent_id, self._roster, self._pace)
        return self._talks[key]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(_LOOK_S, self._pace.idle_s))
            now = time.monotonic()
            for key, talk in list(self._talks.items()):
                if talk.is_asked or now - talk.used_at < self._pace.idle_s:
                    continue
                with contextlib.suppress(VoiceUnavailable):
                    await talk.rest()
                if now - talk.used_at >= self._pace.forget_s and not talk.is_busy:
                    self._talks.pop(key, None)
