"""Who speaks in tests of voice messages, and who answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agents.tools.core import Call
from agents.voice.opus import Recording
from bot.dictation import Dictation
from bot.means import Means
from bot.pace import Pace
from tests.bot.scene import Scene
from tests.discord_standin import Channel, Message, User

Voice = Callable[[str], Awaitable[Recording]]
Work = Callable[[str, Callable[[str], Awaitable[Call]]], Awaitable[str]]
PARSER, DATABASE, AGENTS = "add a test for the parser", "please use the small database", "how are my agents doing"


@dataclass
class Answering:
    """A test double of `agents.voice.voices.Voices`: it answers what the test lets it."""

    work: Work
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    told: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    stopping: str = ""

    async def ask(
        self,
        key: str,
        text: str,
        call: Callable[[str], Awaitable[Call]],
        later: Callable[[str], Awaitable[None]] | None = None,
    ) -> str:
        assert later is not None, "who speaks is told what comes after the answer"
        self.asked.append((key, text))
        return await self.work(text, call)

    async def tell(self, person: str, text: str) -> int:
        self.told.append((person, text))
        return 1

    async def close(self, stopping: str = "") -> None:
        self.stopping = stopping


def always(answer: str) -> Answering:
    async def work(_text: str, _call: Callable[[str], Awaitable[Call]]) -> str:
        return answer

    return Answering(work)


async def say(
    scene: Scene, user: User, channel: Channel, recording: Recording, *, reply_to: Message | None = None
) -> Message:
    return await scene.discord.speak(
        user,
        channel,
        recording.content,
        duration_secs=recording.duration_s,
        waveform=recording.waveform,
        reply_to=reply_to,
    )


def dictation(scene: Scene) -> Dictation:
    bot = scene.bot
    return Dictation(Means(bot, bot.crew, bot.store, bot.people, Pace()))
