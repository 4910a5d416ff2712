"""Words of speech, and speech of words, by ElevenLabs' own SDK (elevenlabs 2.78.0). Nothing raised here tells the key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import httpx
import structlog
from elevenlabs import ElevenLabs
from elevenlabs.core import ApiError, RequestOptions

from agents.config import Settings
from agents.voice.errors import VoiceError, VoiceOff

log = structlog.get_logger()
T = TypeVar("T")

RATE = 24_000
"""Samples a second of speech: the most that every plan has as PCM (the SDK's note on `output_format`)."""
MOST_BYTES = 10 << 20
"""Of a recording. Discord's clients make about 1 MB of four minutes."""
MOST_CHARACTERS = 2000
"""Of a text that is spoken: about two minutes."""

_LISTENS, _SPEAKS = "scribe_v2", "eleven_flash_v2_5"
_MOST_PCM = 20 << 20
_LISTENING_S, _SPEAKING_S = 120.0, 60.0
_SILENT_S = 30.0
"""Without a byte from ElevenLabs."""
_TRIES, _AGAIN_S = 2, 1.0
_ONCE: RequestOptions = {"max_retries": 0}
"""What the SDK sends again (2.78.0) lacks the form's fields."""
_ENDED = ("quota_exceeded", "insufficient_credits", "payment_required")
_BUSY = ("too_many_concurrent_requests", "system_busy", "rate_limit_exceeded")


async def transcribe(settings: Settings, name: str, content: bytes) -> str:
    """What is said in a recording, which is of any usual format; `name` is that of its file.

    Raises VoiceError: no key, too large, nothing said, or what ElevenLabs or the network has against it.
    """
    key = _key(settings)
    if len(content) > MOST_BYTES:
        raise VoiceError(f"It has more than {MOST_BYTES >> 20} MB.", remedy="Say it in parts, or type it.")

    def listen(client: ElevenLabs, _ends: float) -> str:
        heard = client.speech_to_text.convert(
            model_id=_LISTENS, file=(name, content, "audio/ogg"), tag_audio_events=False, request_options=_ONCE
        )
        text = getattr(heard, "text", "")
        return text if isinstance(text, str) else ""

    words = (await _asked(settings, key, listen, _LISTENING_S)).strip()
    if not words:
        raise VoiceError("I understood nothing.", remedy="Say it again, or type it.")
    return words


async def speak(settings: Settings, text: str) -> bytes:
    """The text as speech: mono, 16 bit, little-endian, `RATE` samples a second.

    Raises VoiceError: no key, too long, or what ElevenLabs or the network has against it.
    """
    key = _key(settings)
    if len(text) > MOST_CHARACTERS:
        raise VoiceError("It is too long to be spoken.", remedy="Read it.")

    def say(client: ElevenLabs, ends: float) -> bytes:
        sound = client.text_to_speech.convert(
            settings.ELEVENLABS_VOICE_ID,
            text=text,
            model_id=_SPEAKS,
            output_format="pcm_24000",
            request_options=_ONCE,
        )
        return _bounded(sound, ends)

    return await _asked(settings, key, say, _SPEAKING_S)


def _key(settings: Settings) -> str:
    if settings.ELEVENLABS_API_KEY is None:
        raise VoiceOff
    return settings.ELEVENLABS_API_KEY.get_secret_value()


def _bounded(sound: Iterable[bytes], ends: float) -> bytes:
    made = bytearray()
    for part in sound:
        made += part
        if len(made) > _MOST_PCM or time.monotonic() > ends:
            raise VoiceError("ElevenLabs sent more than was asked for.", remedy="Read the answer instead.")
    return bytes(made)


async def _asked(settings: Settings, key: str, ask: Callable[[ElevenLabs, float], T], seconds: float) -> T:
    """In a thread, since the SDK's calls block. One that takes too long is waited for no more, and ends by its own limits."""

    def work() -> T:
        ends = time.monotonic() + seconds
        with httpx.Client(timeout=httpx.Timeout(_SILENT_S, read=seconds), follow_redirects=False) as http:
            return ask(ElevenLabs(api_key=key, base_url=settings.ELEVENLABS_BASE_URL, httpx_client=http), ends)

    with _told():
        async with asyncio.timeout(seconds):
            return await _patiently(work)


async def _patiently(work: Callable[[], T]) -> T:
    """Twice, where ElevenLabs has trouble that may pass."""
    for _ in range(_TRIES - 1):
        try:
            return await asyncio.to_thread(work)
        except ApiError as error:
            if not _may_pass(error.status_code or 0, _code(error.body)):
                raise
        except httpx.TransportError as error:
            log.info("speech is tried again", error=type(error).__name__)
        await asyncio.sleep(_AGAIN_S)
    return await asyncio.to_thread(work)


def _may_pass(status: int, code: str) -> bool:
    return (status == 429 and code not in _ENDED) or status >= 500


@contextmanager
def _told() -> Generator[None]:
    """Errors of the SDK in our words. What it says itself has the answer's headers and body in it."""
    try:
        yield
    except ApiError as error:
        status, code = error.status_code or 0, _code(error.body)
        log.warning("speech failed", status=status, code=code)
        raise _failure(status, code) from None
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        log.warning("speech failed", error=type(error).__name__)
        raise VoiceError("ElevenLabs cannot be reached.", remedy="Try it again later, or type it.") from None


def _code(body: Any) -> str:
    """`{"detail": {"status": "quota_exceeded", "message": "…"}}` is how ElevenLabs tells what is wrong."""
    detail: Any = cast("dict[str, Any]", body).get("detail") if isinstance(body, dict) else None
    code: Any = cast("dict[str, Any]", detail).get("status") if isinstance(detail, dict) else None
    return code[:60] if isinstance(code, str) else ""


def _failure(status: int, code: str) -> VoiceError:
    if code in _ENDED or status == 402:
        return VoiceError("ElevenLabs' quota is used up.", remedy="The operator raises it there; until then, type.")
    if status in (401, 403):
        return VoiceError("ElevenLabs refused the key.", remedy="The operator sets another ELEVENLABS_API_KEY.")
    if status == 429 or code in _BUSY:
        return VoiceError("ElevenLabs has too much to do.", remedy="Try it again in a minute, or type it.")
    if status >= 500:
        return VoiceError("ElevenLabs has trouble.", remedy="Try it again later, or type it.")
    return VoiceError(f"ElevenLabs did not take it (status {status}).", remedy="Record it again, or type it.")
