"""ElevenLabs' SDK transcribes and speaks, against a stand-in that listens; what goes wrong is told with what to do."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents.config import Settings
from agents.voice import opus, speech
from agents.voice.errors import VoiceError, VoiceOff
from agents.voice.opus import recorded
from tests.elevenlabs_standin import hearing
from tests.elevenlabs_standin.speech import KEY, Speech
from vps.testing.packages import run_program

HANGS = """
import asyncio, sys
from agents.config import Settings
from agents.voice import speech

async def main():
    settings = Settings.model_validate({"ELEVENLABS_API_KEY": "x" * 20, "ELEVENLABS_BASE_URL": sys.argv[1]})
    try:
        async with asyncio.timeout(2):
            await speech.transcribe(settings, "a.ogg", b"x")
    except TimeoutError:
        print("given up")

asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def eleven(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Speech]:
    made = Speech(tmp_path_factory.mktemp("speech"))
    async with made.serving():
        yield made
    assert made.violations == []


@pytest.fixture
def settings(eleven: Speech) -> Settings:
    return Settings.model_validate({"ELEVENLABS_API_KEY": KEY, "ELEVENLABS_BASE_URL": eleven.url})


@pytest.mark.parametrize("words", ["add a test for the parser", "add a test for the database", "stop the agent"])
async def test_what_is_said_in_a_voice_message_becomes_words(settings: Settings, tmp_path: Path, words: str) -> None:
    sound = await hearing.said(words, tmp_path)
    message = recorded(opus.decoded(sound), opus.RATE)
    assert await speech.transcribe(settings, "voice-message.ogg", message.content) == words


async def test_what_is_spoken_can_be_understood(settings: Settings) -> None:
    pcm = await speech.speak(settings, "two agents are at work")
    assert hearing.words(recorded(pcm, speech.RATE).content) == "two agents are at work"


async def test_silence_is_told(settings: Settings) -> None:
    silence = recorded(bytes(2 * 16_000), 16_000)
    with pytest.raises(VoiceError, match=r"understood nothing\. .*type it"):
        await speech.transcribe(settings, "a.ogg", silence.content)


FAILURES = [
    (401, "invalid_api_key", "refused the key"),
    (401, "missing_permissions", "Speech to Text and Text to Speech"),
    (401, "quota_exceeded", "quota is used up"),
    (402, "", "quota is used up"),
    (403, "", "refused the key"),
    (429, "too_many_concurrent_requests", "too much to do"),
    (500, "", "has trouble"),
    (422, "", "did not take it"),
    (307, "", "did not take it"),
    (400, "invalid_audio", "did not take it"),
]


@pytest.mark.parametrize(("status", "code", "told"), FAILURES)
async def test_a_refusal_is_told_with_a_remedy(
    eleven: Speech, settings: Settings, status: int, code: str, told: str
) -> None:
    for call in (speech.transcribe(settings, "a.ogg", b"x"), speech.speak(settings, "hello")):
        eleven.failures = [(status, code)] * 2
        with pytest.raises(VoiceError, match=told) as raised:
            await call
        eleven.failures = []
        assert raised.value.remedy
        assert raised.value.__cause__ is None
        assert KEY not in str(raised.value)


async def test_a_short_trouble_is_waited_for(eleven: Speech, settings: Settings, tmp_path: Path) -> None:
    sound = await hearing.said("stop the agent", tmp_path)
    eleven.failures = [(503, "")]
    assert await speech.transcribe(settings, "a.wav", sound) == "stop the agent"


async def test_a_key_that_is_refused_is_not_told(settings: Settings) -> None:
    wrong = settings.model_copy(update={"ELEVENLABS_API_KEY": SecretStr("sk_wrong_wrong_wrong")})
    with pytest.raises(VoiceError, match="refused the key") as raised:
        await speech.speak(wrong, "hello")
    assert "wrong_wrong" not in str(raised.value)


async def test_nobody_there_is_told(settings: Settings) -> None:
    nobody = settings.model_copy(update={"ELEVENLABS_BASE_URL": "http://127.0.0.1:1"})
    with pytest.raises(VoiceError, match="cannot be reached"):
        await speech.transcribe(nobody, "a.ogg", b"x")


async def test_a_call_that_hangs_holds_up_nobody_not_even_the_end_of_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        code, output = await run_program(sys.executable, "-c", HANGS, url, timeout=120)
    assert (code, output) == (0, "given up\n")


async def test_without_a_key_voice_is_off(settings: Settings) -> None:
    off = settings.model_copy(update={"ELEVENLABS_API_KEY": None})
    for call in (speech.transcribe(off, "a.ogg", b"x"), speech.speak(off, "x")):
        with pytest.raises(VoiceOff, match="Voice is off: ELEVENLABS_API_KEY is not set"):
            await call


async def test_what_is_too_large_is_not_sent(eleven: Speech, settings: Settings) -> None:
    before = len(eleven.heard), len(eleven.spoken)
    with pytest.raises(VoiceError, match="more than 10 MB"):
        await speech.transcribe(settings, "a.ogg", bytes(speech.MOST_BYTES + 1))
    with pytest.raises(VoiceError, match="too long"):
        await speech.speak(settings, "x" * (speech.MOST_CHARACTERS + 1))
    assert (len(eleven.heard), len(eleven.spoken)) == before
