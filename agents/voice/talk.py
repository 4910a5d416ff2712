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
from agents.voice.calls import ASKED, UNDER_WAY, Calls, Later, Maker, end_of
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
_OPEN = (ASKED, UNDER_WAY)


class Talk:
    """One person's conversation in one place. Messages are answered in turn."""

    def __init__(self, crew: Crew, client: ElevenLabs, agent_id: str, roster: Roster, pace: Pace) -> None:
        self._crew, self._client, self._agent_id, self._pace = crew, client, agent_id, pace
        self._memory = Memory()
        self._calls = Calls(crew, roster, self._memory, self.tell)
        self._session: Session | None = None
        self._exchange: Exchange | None = None
        self._make: Maker | None = None
        self._later: Later | None = None
        self._telling: set[asyncio.Task[None]] = set()
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
    def is_asked(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._lock.locked()

    @property
    def is_busy(self) -> bool:
        """Whether somebody does, or a tool is under way, whose end needs no session."""
        return self.is_asked or self._calls.is_busy

    async def ask(self, text: str, make: Maker, later: Later | None = None) -> str:
        """The agent's answer; `later` is told what comes after it. Raises VoiceUnavailable."""
        async with self._lock:
            self.used_at = time.monotonic()
            self._make, self._later = make, later
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

    async def close(self, stopping: str = "") -> None:
        """End the session, and leave what is under way; who waits for that is told `stopping`, where there is any."""
        await self._calls.close(stopping)
        await self.rest()
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)

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
        elif heard.kind == "said" and self.is_open and heard.text:
            self._say_later(heard.text)

    def _say_later(self, text: str) -> None:
        if self._later is None:
            self._late = [*self._late, text][-_LATE:]
            return
        masked = self._crew.mask.text(text)
        self._memory.said("you", masked)
        task = asyncio.ensure_future(self._later(masked))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _left_over(self) -> list[str]:
        """What the agent said after its last answer had been taken for whole."""
        late, self._late = self._late, []
        return [f"(Said later to what you asked before: {text})" for text in late]

    async def _on_tool(self, session: Session, tool: str, parameters: Mapping[str, Any]) -> str:
        assert self._make is not None
        exchange, later = self._exchange, self._later
        said = await self._calls.answer(session.id, tool, parameters, self._make, later)
        if not session.is_open and self.is_open:
            # Nobody hears the result there any more; a session that comes later has it in its summary.
            await self.tell(end_of(tool, said))
        if later is not None and not session.is_open and self._exchange is not exchange and said not in _OPEN:
            # The person was answered without it.
            await later(self._crew.mask.text(end_of(tool, said)))
        return said
