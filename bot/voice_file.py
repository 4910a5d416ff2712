"""A voice message of the bot's own. discord.py (2.7.1) has no helper for it.

It is a message with flag 8192, one attachment of Ogg Opus with its length and waveform, and nothing else
(https://discord.com/developers/docs/resources/message#voice-messages).
"""

from __future__ import annotations

import io
from typing import Any

import discord
from discord.http import handle_message_parameters

from agents.voice.opus import Recording

NAME = "voice-message.ogg"


class VoiceFile(discord.File):
    """A recording as the attachment of such a message."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(io.BytesIO(recording.content), NAME)
        self._recording = recording

    def to_dict(self, index: int) -> dict[str, Any]:
        """See discord.py."""
        told = {"duration_secs": round(self._recording.duration_s, 3), "waveform": self._recording.waveform}
        return {**super().to_dict(index), **told}


async def send_voice(client: discord.Client, to: discord.Message, recording: Recording) -> None:
    """Answer a message with it, once. Raises discord.HTTPException."""
    answered = discord.MessageReference.from_message(to, fail_if_not_exists=False).to_message_reference_dict()
    with handle_message_parameters(
        file=VoiceFile(recording),
        flags=discord.MessageFlags(voice=True),
        message_reference=answered,
        mention_author=False,
        allowed_mentions=discord.AllowedMentions.none(),
        nonce=f"{to.id}-s",
    ) as params:
        for part in params.multipart or ():
            if part["name"].startswith("files["):
                part["content_type"] = "audio/ogg"
        await client.http.send_message(to.channel.id, params=params)
