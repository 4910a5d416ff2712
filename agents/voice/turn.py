"""One message of the person and what the agent answers to it.

The protocol has no sure end of an answer: `agent_response` may be followed by a tool call, and `agent_response_complete` is new and
not always sent. So an answer is over when the agent has spoken since its last tool's result, nothing is open, and it was quiet
for a moment, a shorter one after a `complete`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agents.voice.errors import VoiceUnavailable
from agents.voice.session import Heard


@dataclass(frozen=True, slots=True)
class Pace:
    """How long what may take, in seconds."""

    quiet_s: float = 1.2
    """Silence after which an answer is over; between words and a tool call of the same answer there is less."""
    complete_s: float = 0.2
    """The same after the agent said that it is."""
    after_tool_s: float = 20.0
    """Until the agent says something about a tool's result."""
    answer_s: float = 90.0
    """All of an answer."""
    again_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Waits between attempts to reach the agent."""
    idle_s: float = 300.0
    """A session nobody spoke in for so long is closed: it costs while it is open."""
    forget_s: float = 3600.0
    """After which nothing is known of a conversation any more."""


class Dropped(VoiceUnavailable):
    """The session ended before the answer did."""


class Exchange:
    """Fed with what is heard; `answer` waits for the end."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._said: list[str] = []
        self._open = set[int]()
        self._calls = 0
        self._fresh = False
        self._complete = False
        self._ended: str | None = None
        self._changed = asyncio.Event()
        self.is_over = False
        """Whether the answer came to its end: more of one that did not may still come."""

    @property
    def called(self) -> bool:
        """Whether a tool was called, so that the message must not be sent again."""
        return self._calls > 0

    def feed(self, heard: Heard) -> None:
        """What was heard next."""
        if heard.kind == "said" and heard.text:
            self._said.append(heard.text)
            self._fresh, self._complete = True, False
        elif heard.kind == "corrected":
            self._said = [heard.text if each == heard.before else each for each in self._said]
        elif heard.kind == "calling":
            self._open.add(heard.call)
            self._calls, self._fresh, self._complete = self._calls + 1, False, False
        elif heard.kind == "answered":
            self._open.discard(heard.call)  # one of an earlier exchange may end in this one
        elif heard.kind == "complete":
            self._complete = self._fresh
        elif heard.kind == "ended":
            self._ended = heard.text
        self._changed.set()

    async def answer(self) -> str:
        """All that was said. Raises Dropped where the session ended first, VoiceUnavailable where nothing came in time."""
        try:
            async with asyncio.timeout(self._pace.answer_s):
                await self._over()
            self.is_over = True
        except TimeoutError:
            if not self._said:
                remedy = "Say it again."
                raise VoiceUnavailable("The voice agent did not answer in time.", remedy=remedy) from None
        return " ".join(self._said)

    async def _over(self) -> None:
        while self._ended is None:
            self._changed.clear()
            try:
                async with asyncio.timeout(self._patience()):
                    await self._changed.wait()
            except TimeoutError:
                return
        # An answer that was whole when the other side hung up is one.
        if not self._fresh or self._open:
            raise Dropped(
                f"The connection to the voice agent broke off: {self._ended}.", remedy="Say it again.", passes=True
            )

    def _patience(self) -> float | None:
        """How long the silence may be from here; None for as long as an answer may take."""
        if self._open:
            return None
        if self._fresh:
            return self._pace.complete_s if self._complete else self._pace.quiet_s
        return self._pace.after_tool_s if self._calls and self._said else None
