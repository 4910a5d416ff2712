"""Words of speech, and speech of words, by ElevenLabs. Nothing raised here tells the key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

import structlog

from agents.config import Settings
from agents.voice.errors import Refused, Unreachable, VoiceError
from agents.voice.needs import require_key

log = structlog.get_logger()
T = TypeVar("T")

RATE = 24_000
"""Samples a second of speech: the most that every plan has as PCM (the SDK's note on `output_format`)."""
MOST_BYTES = 10 << 20
"""Of a recording. Discord's clients make about 1 MB of four minutes."""
MOST_CHARACTERS = 2000
"""Of a text that is spoken: about two minutes."""

_LISTENING_S, _SPEAKING_S = 120.0, 60.0
_TRIES, _AGAIN_S = 2, 1.0
_ENDED = ("quota_exceeded", "insufficient_credits", "payment_required")
_LACKING, _NEEDED = "missing_permissions", "Speech to Text and Text to Speech besides ElevenLabs Agents"
_BUSY = ("too_many_concurrent_requests", "system_busy", "rate_limit_exceeded")


async def transcribe(settings: Settings, name: str, content: bytes) -> str:
    """What is said in a recording, which is of any usual format; `name` is that of its file.

    Raises VoiceError: no key, too large, nothing said, or what ElevenLabs or the network has against it.
    """
    require_key(settings)
    if len(content) > MOST_BYTES:
        raise VoiceError(f"It has more than {MOST_BYTES >> 20} MB.", remedy="Say it in parts, or type it.")

    def listen() -> str:
        from agents.voice import eleven  # noqa: PLC0415  40 MiB (measured) that a bot nobody speaks to does without

        return eleven.listen(settings, name, content, _LISTENING_S)

    words = (await _asked(listen, _LISTENING_S)).strip()
    if not words:
        raise VoiceError("I understood nothing.", remedy="Say it again, or type it.")
    return words


async def speak(settings: Settings, text: str) -> bytes:
    """The text as speech: mono, 16 bit, little-endian, `RATE` samples a second.

    Raises VoiceError: no key, too long, or what ElevenLabs or the network has against it.
    """
    require_key(settings)
    if len(text) > MOST_CHARACTERS:
        raise VoiceError("It is too long to be spoken.", remedy="Read it.")

    def say() -> bytes:
        from agents.voice import eleven  # noqa: PLC0415  as above

        return eleven.say(settings, text, _SPEAKING_S)

    return await _asked(say, _SPEAKING_S)


async def _asked(work: Callable[[], T], seconds: float) -> T:
    """Twice, where ElevenLabs has trouble that may pass."""
    with _told():
        async with asyncio.timeout(seconds):
            for _ in range(_TRIES - 1):
                try:
                    return await _aside(work)
                except Refused as error:
                    if not _may_pass(error):
                        raise
                except Unreachable as error:
                    log.info("speech is tried again", error=str(error))
                await asyncio.sleep(_AGAIN_S)
            return await _aside(work)


def _may_pass(error: Refused) -> bool:
    return (error.status == 429 and error.code not in _ENDED) or error.status >= 500


async def _aside(work: Callable[[], T]) -> T:
    """In a thread of its own: a process waits at its end for those of `asyncio.to_thread`, and this one may hang for minutes."""
    future = Future[T]()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised where the future is waited for
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=run, name="speech", daemon=True).start()
    return await asyncio.wrap_future(future)


@contextmanager
def _told() -> Generator[None]:
    """What went wrong, for people."""
    try:
        yield
    except Refused as error:
        log.warning("speech failed", status=error.status, code=error.code)
        raise _failure(error) from None
    except (Unreachable, TimeoutError) as error:
        log.warning("speech failed", error=str(error) or "took too long")
        raise VoiceError("ElevenLabs cannot be reached.", remedy="Try it again later, or type it.") from None


def _failure(error: Refused) -> VoiceError:
    status = error.status
    if error.code in _ENDED or status == 402:
        return VoiceError("ElevenLabs' quota is used up.", remedy="The operator raises it there; until then, type.")
    if status in (401, 403):
        if error.code == _LACKING:
            return VoiceError(
                "ElevenLabs' key lacks a permission.", remedy=f"The operator gives ELEVENLABS_API_KEY {_NEEDED}."
            )
        remedy = f"The operator sets another ELEVENLABS_API_KEY; a restricted one needs {_NEEDED}."
        return VoiceError("ElevenLabs refused the key.", remedy=remedy)
    if status == 429 or error.code in _BUSY:
        return VoiceError("ElevenLabs has too much to do.", remedy="Try it again in a minute, or type it.")
    if status >= 500:
        return VoiceError("ElevenLabs has trouble.", remedy="Try it again later, or type it.")
    return VoiceError(f"ElevenLabs did not take it (status {status}).", remedy="Record it again, or type it.")
