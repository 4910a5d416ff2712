"""ElevenLabs' own SDK (elevenlabs 2.78.0) for speech. Its calls block; what they raise is told without headers and bodies."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, cast

import httpx
from elevenlabs import ElevenLabs
from elevenlabs.core import ApiError, RequestOptions

from agents.config import Settings
from agents.voice.client import connected
from agents.voice.errors import Refused, Unreachable, VoiceError

_LISTENS, _SPEAKS = "scribe_v2", "eleven_flash_v2_5"
_MOST_PCM = 20 << 20
_CONNECTING_S = 30.0
_ONCE: RequestOptions = {"max_retries": 0}
"""What the SDK sends again lacks the form's fields (2.78.0)."""


def listen(settings: Settings, name: str, content: bytes, seconds: float) -> str:
    """What is said in a sound file; empty where nothing is. Raises Refused, Unreachable, VoiceOff."""
    with _client(settings, seconds) as client:
        heard = client.speech_to_text.convert(
            model_id=_LISTENS, file=(name, content, "audio/ogg"), tag_audio_events=False, request_options=_ONCE
        )
    text = getattr(heard, "text", "")
    return text if isinstance(text, str) else ""


def say(settings: Settings, text: str, seconds: float) -> bytes:
    """The text as PCM, 24,000 samples a second. Raises as `listen`, and VoiceError for sound without end."""
    with _client(settings, seconds) as client:
        sound = client.text_to_speech.convert(
            settings.ELEVENLABS_VOICE_ID,
            text=text,
            model_id=_SPEAKS,
            output_format="pcm_24000",
            request_options=_ONCE,
        )
        return _bounded(sound, time.monotonic() + seconds)


def _bounded(sound: Iterable[bytes], ends: float) -> bytes:
    made = bytearray()
    for part in sound:
        made += part
        if len(made) > _MOST_PCM or time.monotonic() > ends:
            raise VoiceError("ElevenLabs sent more than was asked for.", remedy="Read the answer instead.")
    return bytes(made)


@contextmanager
def _client(settings: Settings, seconds: float) -> Generator[ElevenLabs]:
    try:
        with connected(settings, httpx.Timeout(_CONNECTING_S, read=seconds)) as client:
            yield client
    except ApiError as error:
        raise Refused(error.status_code or 0, _code(error.body)) from None
    except (httpx.HTTPError, OSError) as error:
        raise Unreachable(type(error).__name__) from None


def _code(body: Any) -> str:
    """`{"detail": {"status": "quota_exceeded", "message": "…"}}` is how ElevenLabs tells what is wrong."""
    detail: Any = cast("dict[str, Any]", body).get("detail") if isinstance(body, dict) else None
    code: Any = cast("dict[str, Any]", detail).get("status") if isinstance(detail, dict) else None
    return code[:60] if isinstance(code, str) else ""
