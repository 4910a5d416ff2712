"""A conversation with the agent over all its sessions: the supervisor that makes another one when one breaks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import structlog
from elevenlabs.client import ElevenLabs

from agents.crew import Crew
from agents.voice import memory as remembering
from agents.voice import wanted
from agents.voice.calls import Calls, Maker
from agents.voice.errors import VoiceUnavailable
from agents.voice.memory import Memory
from agents.voice.roster import Roster
from agents.voice.session import Heard, Session
from agents.voice.turn import Exchange, Pace

log = structlog.get_logger()

_TOOLS = tuple(tool.name for tool in wanted.voiced())
_LONGEST = 8000
"""Characters of a message; more is no speech."""
_LATE = 5


class Talk:
    """One person's conversation in one place. Messages are answered in turn."""

    def __init__(self, crew: Crew, client: ElevenLabs, agent_id: str, roster: Roster, pace: Pace) -> None:
        self._crew, self._client, self._agent_id, self._pace = crew, client, agent_id, pace
        self._memory = Memory()
        self._calls = Calls(crew, roster, self._memory, self.tell)
        self._session: Session | None = None
        self._exchange: Exchange | None = None
        self._make: Maker | None = None
        self._lock = asyncio.Lock()
        self._is_clean = True
        """Whether nothing of an earlier answer may still come in the session."""
        self._late: list[str] = []
        self.used_at = time.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._session is not None and self._session.is_open

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for an answer, or a tool is under way."""
        return self._lock.locked() or self._calls.is_busy

    async def ask(self, text: str, make: Maker) -> str:
        """The agent's answer. Raises VoiceUnavailable."""
        async with self._lock:
            self.used_at = time.monotonic()
            self._make = make
            said = self._crew.mask.text(text)[:_LONGEST]
            try:
                answer = self._crew.mask.text(" ".join([await self._answered(said), *self._left_over()]))
            finally:
                self.used_at = time.monotonic()
            self._memory.said("person", said)
            self._memory.said("you", answer)
            return answer

    async def tell(self, text: str) -> None:
        """News into the conversation; without a session the next one begins with them."""
        news = self._crew.mask.text(text)[:_LONGEST]
        self._memory.heard(news)
        if self._session is not None and self._session.is_open:
            with contextlib.suppress(VoiceUnavailable):
                await self._session.tell(news)

    async def close(self) -> None:
        """End the session, and leave what is under way."""
        await self._calls.close()
        await self.rest()

    async def rest(self) -> None:
        """End the session; the next message makes another that knows of this one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _answered(self, text: str) -> str:
        """Sent again only where no tool of the first attempt was carried out."""
        before = set(self._memory.calls)
        for wait in (*self._pace.again_s, None):
            exchange = Exchange(self._pace)
            try:
                return await self._exchanged(text, exchange)
            except VoiceUnavailable as error:
                await self.rest()
                if exchange.called:
                    made = {key: each for key, each in self._memory.calls.items() if key not in before}
                    return remembering.broken_off(list(made.values()))
                if wait is None or not error.passes:
                    raise
                await log.awarning("voice session broke", error=self._crew.mask.text(str(error)), again_in_s=wait)
                await asyncio.sleep(wait)
        raise AssertionError

    async def _exchanged(self, text: str, exchange: Exchange) -> str:
        session = await self._opened()
        self._exchange, self._is_clean = exchange, False
        try:
            await session.say(text)
            answer = await exchange.answer()
            self._is_clean = exchange.is_over
            return answer
        finally:
            self._exchange = None

    async def _opened(self) -> Session:
        if self._session is not None and self._session.is_open and self._is_clean:
            return self._session
        await self.rest()
        self._is_clean = True
        session = Session(self._client, self._agent_id, _TOOLS, self._on_tool, self._heard)
        try:
            await session.open()
            if summary := remembering.summary(self._memory):
                await session.tell(summary)
        except BaseException:
            await session.close()
            raise
        self._session = session
        return session

    def _heard(self, heard: Heard) -> None:
        if self._exchange is not None:
            self._exchange.feed(heard)
        elif heard.kind == "said" and self.is_open:
            self._late = [*self._late, heard.text][-_LATE:]

    def _left_over(self) -> list[str]:
        """What the agent said after its last answer had been taken for whole."""
        late, self._late = self._late, []
        return [f"(Said later to what you asked before: {text})" for text in late]

    async def _on_tool(self, session: Session, tool: str, parameters: Mapping[str, Any]) -> str:
        assert self._make is not None
        said = await self._calls.answer(session.id, tool, parameters, self._make)
        if not session.is_open and self.is_open:
            # Nobody hears the result there any more; a session that comes later has it in its summary.
            await self.tell(f"{tool.replace('_', ' ')}: {said}")
        return said
