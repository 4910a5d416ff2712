"""Voice messages to the bot itself: directly, with a mention of it, as a reply to it, or in a thread of its talks. What they say is
shown and asked of the voice agent, and its answer comes as text, and spoken where that is wanted; what ends later, as text.

Those in agents' threads are replies to the agents: see bot.listener.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol, cast

import discord
import structlog

from agents import audit
from agents.rights import Right
from agents.tools.core import Call, NotPermitted, permit
from agents.voice.errors import VoiceError
from agents.voice.needs import require_agent
from agents.voice.opus import recorded
from agents.voice.speech import MOST_CHARACTERS, RATE, speak
from bot import people
from bot.ask_by_button import ask_person
from bot.calls import STOPPING, Calls
from bot.dictation import Dictation, is_voice, quoted
from bot.means import Means
from bot.render.answers import failure
from bot.render.spoken import is_wanted, speakable
from bot.render.text import beginning, plain, split
from bot.replies import unimportant
from bot.voice_file import send_voice
from vps.errors import VpsError

if TYPE_CHECKING:
    from bot.app import Bot

log = structlog.get_logger()

_MOST_WAITING = 5
"""Voice messages of a channel that are under way: each costs money."""
_MOST_PARTS = 10
"""Messages that an answer takes."""
_ASKING_S = 900.0
"""An answer may wait for buttons."""
_TELLING_S = 60.0
"""What may be tried to say something that nobody waits for."""


_NO_RIGHT = "-# Not spoken: here I lack the permission *Send Voice Messages*."


class Asks(Protocol):
    """The voice agent in text mode (`agents.voice.voices.Voices`)."""

    async def ask(
        self,
        key: str,
        text: str,
        call: Callable[[str], Awaitable[Call]],
        later: Callable[[str], Awaitable[None]] | None = None,
    ) -> str:
        """Its answer in the conversation of that key. `call` makes the call for one of its tools, by that call's id; `later` is
        told what comes after the answer.
        """
        ...

    async def tell(self, person: str, text: str) -> int:
        """Put news into the person's conversations; how many there are."""
        ...

    async def close(self, stopping: str = "") -> None:
        """End all of them; who waits for something under way is told `stopping`."""
        ...


class VoiceMessages:
    """Each channel's in their order. `voices` is None until somebody speaks."""

    def __init__(self, means: Means, calls: Calls) -> None:
        self.voices: Asks | None = None
        self._means, self._calls = means, calls
        self._dictation = Dictation(means)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = Counter[int]()
        self._turns: dict[int, asyncio.Lock] = {}

    def on_message(self, message: discord.Message) -> None:
        """Something was posted somewhere."""
        if not is_voice(message) or message.author.bot:
            return
        task = asyncio.create_task(self._guarded(message), name=f"voice {message.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def tell(self, person: str, text: str) -> None:
        """News of a person's runs, for their conversations. Trouble with that ends nothing else."""
        if self.voices is None:
            return
        try:
            await self.voices.tell(person, self._means.crew.mask.text(text))
        except (VpsError, OSError, TimeoutError) as error:
            await log.awarning("not told by voice", person=person, error=str(error))

    async def close(self) -> None:
        """Stop; who waits for an answer is told."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.voices is not None:
            await self.voices.close(STOPPING)

    def _is_addressed(self, message: discord.Message) -> bool:
        me, answered = self._means.client.user, message.reference and message.reference.resolved
        replied = isinstance(answered, discord.Message) and answered.author == me
        return message.guild is None or replied or me in message.mentions

    async def _is_for_us(self, message: discord.Message) -> bool:
        """Not where an agent's listener has it. In a thread that was opened for a talk, people talk to each other as well."""
        if await self._means.store.run_of(message.channel.id) is not None:
            return False
        if self._is_addressed(message):
            return True
        if not await self._bot.talks.is_talk(message):
            return False
        return Right.RUN in await self._means.people.of_writer(self._means.client, message)

    async def _guarded(self, message: discord.Message) -> None:
        try:
            if await self._is_for_us(message):
                await self._deal_with(message)
        except Exception:  # noqa: BLE001  one message's trouble must not end the bot; it is logged with its trace
            await log.aexception("voice message not dealt with", message=message.id)

    async def _deal_with(self, message: discord.Message) -> None:
        channel = message.channel.id
        self._waiting[channel] += 1
        try:
            with self._calls.under_way():
                await self._answered(message)
        finally:
            self._waiting[channel] -= 1
            if not self._waiting[channel]:
                del self._waiting[channel]
                self._turns.pop(channel, None)

    async def _answered(self, message: discord.Message) -> None:
        try:
            await self._permit(message)
            self._check_room(message.channel.id)
            async with self._turns.setdefault(message.channel.id, asyncio.Lock()):
                await self._answer(message)
        except VpsError as error:
            await self._say(message, failure(error, self._means.crew.mask), "e")
        except asyncio.CancelledError:
            await self._say(message, STOPPING, "e")
            raise
        except Exception:  # noqa: BLE001  it is logged with its trace, and who waits is told
            reference = secrets.token_hex(4)
            await log.aexception("voice message failed", reference=reference, message=message.id)
            await self._say(message, f"❌ Something went wrong here; the log has it under {reference}.", "e")

    def _check_room(self, channel: int) -> None:
        if self._waiting[channel] > _MOST_WAITING:
            raise VoiceError("I have not answered the last ones yet.", remedy="Wait for that, then say it again.")

    async def _answer(self, message: discord.Message) -> None:
        async with AsyncExitStack() as stack:
            with unimportant():
                await stack.enter_async_context(message.channel.typing())
            answer = await self._asked(message)
            await self._say(message, answer, "a")
        if is_wanted(self._means.crew.settings.AGENTFLOW_VOICE_ANSWERS, answer):
            await self._speak(message, answer)

    async def _asked(self, message: discord.Message) -> str:
        voices = self._opened()
        words = await self._dictation.words(message)
        await self._say(message, quoted(message.author.display_name, words), "v")
        try:
            async with asyncio.timeout(_ASKING_S):
                key = f"discord:{message.channel.id}"
                answer = await voices.ask(key, words, functools.partial(self._call, message), self._later(message))
        except TimeoutError:
            raise VoiceError("The voice agent did not answer.", remedy="Say it again.") from None
        return plain(self._means.crew.mask.text(answer)).strip() or "The voice agent had nothing to say."

    def _later(self, message: discord.Message) -> Callable[[str], Awaitable[None]]:
        """Says what comes after the answer to a message, below the message."""
        numbers = itertools.count()

        async def say(text: str) -> None:
            with unimportant():
                async with asyncio.timeout(_TELLING_S):
                    await self._say(message, plain(text), f"l{next(numbers)}-")

        return say

    def _opened(self) -> Asks:
        if self.voices is None:
            require_agent(self._means.crew.settings)
            from agents.voice.voices import Voices  # noqa: PLC0415  the SDK takes long to import, and memory

            self.voices = Voices(self._means.crew)
        return self.voices

    @property
    def _bot(self) -> Bot:
        return cast("Bot", self._means.client)

    async def _call(self, message: discord.Message, _call_id: str) -> Call:
        """For one call of a tool, which the conversation gives its id. The rights are those that the person has by then."""
        return Call(
            people.model_for(message, message.channel.id, "voice", self._means.crew.settings),
            await self._means.people.of_writer(self._means.client, message),
            confirm=functools.partial(ask_person, message.channel, message.author.id),
        )

    async def _permit(self, message: discord.Message) -> None:
        """Raises NotPermitted, and writes that down as for any other call."""
        at = time.time()
        try:
            permit("voice", Right.RUN, await self._means.people.of_writer(self._means.client, message))
        except NotPermitted as error:
            told, crew = f"NotPermitted: {error}", self._means.crew
            origin = people.author(message, message.guild.id if message.guild else None)
            line = audit.entry(origin, "voice", {}, told, at=at, ms=0, mask=crew.mask)
            await audit.note(crew.relay, line)
            raise

    async def _speak(self, message: discord.Message, answer: str) -> None:
        said = speakable(answer)
        if not said:
            return
        try:
            pcm = await speak(self._means.crew.settings, beginning(said, MOST_CHARACTERS))
            recording = await asyncio.to_thread(recorded, pcm, RATE)
            await send_voice(self._means.client, message, recording)
        except VoiceError as error:
            await self._say(message, f"-# Not spoken: {error}", "n")
        except discord.Forbidden:
            await self._say(message, _NO_RIGHT, "n")
        except discord.HTTPException as error:
            await log.awarning("answer not spoken", message=message.id, error=error.text)

    async def _say(self, message: discord.Message, text: str, kind: str) -> None:
        """As a reply to it. A retry under the same nonce does not post twice."""
        where = message.to_reference(fail_if_not_exists=False)
        try:
            for number, part in enumerate(split(self._means.crew.mask.text(text))[:_MOST_PARTS]):
                nonce = f"{message.id}-{kind}{number}"
                # A preview of an address would carry out what the model has read.
                await message.channel.send(
                    part, reference=where, mention_author=False, suppress_embeds=True, nonce=nonce
                )
        except discord.HTTPException as error:
            await log.awarning("answer not delivered", message=message.id, error=error.text)
