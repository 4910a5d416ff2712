"""What people say in voice messages, as words: each message is transcribed once, whatever goes away meanwhile.

What was understood is written down before it is used: asked a second time, ElevenLabs may understand something else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import discord
from pydantic import TypeAdapter

from agents.voice.errors import VoiceError, VoiceOff
from agents.voice.speech import MOST_BYTES, transcribe
from bot.attached import attached, fetched
from bot.means import Means
from bot.render.blocks import TEXT_LIMIT
from bot.render.text import one_line, plain, shorten

_TYPE_IT = "The agent gets the recording as a file. If it is to read the words, type them."


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of a voice message, or why there are none. `is_shown` once people were told."""

    words: str = ""
    why: str = ""
    is_shown: bool = False


_WRITTEN = TypeAdapter(Heard)


def is_voice(message: discord.Message) -> bool:
    """Whether it is a voice message, as Discord's clients record them. A forwarded one is a file like any other."""
    return message.flags.voice and len(message.attachments) == 1


def quoted(name: str, words: str) -> str:
    """The words as what that person said, in one message."""
    lines = "\n".join(f"> {line}" for line in plain(words).splitlines())
    return shorten(f"🎙️ **{one_line(name, 100)}**\n{lines}", TEXT_LIMIT)


def told(heard: Heard, name: str) -> str:
    """What is said below a voice message in an agent's thread."""
    return quoted(name, heard.words) if heard.words else f"🎙️ {plain(heard.why)} {_TYPE_IT}"


class Dictation:
    """Listens to voice messages."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def words(self, message: discord.Message) -> str:
        """What is said in it, masked. Raises VoiceError."""
        settings = self._means.crew.settings
        if settings.ELEVENLABS_API_KEY is None:
            raise VoiceOff
        (recording,) = await fetched(attached(message), min(settings.attachment_bytes, MOST_BYTES))
        if recording.missing:
            raise VoiceError(f"The recording {recording.missing}")
        return self._means.crew.mask.text(await transcribe(settings, recording.name, recording.content))

    async def heard(self, message: discord.Message) -> Heard:
        """The same, written down; a failure too, since what became of the message then is not to change."""
        written = await self._means.store.fact(_name(message.id))
        if written is not None:
            return _WRITTEN.validate_json(written)
        try:
            heard = Heard(words=await self.words(message))
        except VoiceOff as error:
            heard = Heard(why=str(error), is_shown=await self._was_told(message))
        except VoiceError as error:
            heard = Heard(why=str(error))
        await self._save(message.id, heard)
        return heard

    async def shown(self, message: discord.Message, heard: Heard) -> None:
        """People were told of it."""
        await self._save(message.id, replace(heard, is_shown=True))
        if self._means.crew.settings.ELEVENLABS_API_KEY is None:
            await self._means.store.save_fact(_off(message), "told")

    async def done(self, message: discord.Message) -> None:
        """It was dealt with: what was said in it is nobody's business any more."""
        await self._means.store.forget_fact(_name(message.id))

    async def _was_told(self, message: discord.Message) -> bool:
        return await self._means.store.fact(_off(message)) is not None

    async def _save(self, message_id: int, heard: Heard) -> None:
        await self._means.store.save_fact(_name(message_id), _WRITTEN.dump_json(heard).decode())


def _name(message_id: int) -> str:
    return f"voice:{message_id}"


def _off(message: discord.Message) -> str:
    return f"voice-off:{message.channel.id}:{message.author.id}"
