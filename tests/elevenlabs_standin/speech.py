"""ElevenLabs' speech endpoints: one listens to the sound it is sent, the other speaks with espeak-ng.

What they take and answer is checked with the SDK's own signatures and types; keys that these do not have are refused.
Paths: https://elevenlabs.io/docs/api-reference/speech-to-text/convert and …/text-to-speech/convert
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

from aiohttp import BodyPartReader, web
from elevenlabs.speech_to_text.client import SpeechToTextClient
from elevenlabs.text_to_speech.client import TextToSpeechClient
from elevenlabs.text_to_speech.types import TextToSpeechConvertRequestOutputFormat
from elevenlabs.types import SpeechToTextChunkResponseModel

from agents.voice.errors import VoiceError
from agents.voice.opus import decoded
from tests.elevenlabs_standin import KEY, hearing
from tests.elevenlabs_standin.keys import Problem, body_of, unknown
from tests.elevenlabs_standin.rest import invalid

_FIELDS = frozenset(inspect.signature(SpeechToTextClient.convert).parameters)
_PARAMETERS = frozenset(inspect.signature(TextToSpeechClient.convert).parameters)
_FORMATS = get_args(get_args(TextToSpeechConvertRequestOutputFormat)[0])


class Speech:
    """Both, for an app. `failures` are answers that the next requests get: a status and ElevenLabs' word for what is wrong."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.heard: list[str] = []
        self.spoken: list[str] = []
        self.failures: list[tuple[int, str]] = []
        self.violations: list[str] = []
        self.when_spoken: Callable[[], object] | None = None
        """Called before speech is answered."""
        self.url = ""

    def add_to(self, app: web.Application) -> None:
        """Its routes."""
        app.router.add_post("/v1/speech-to-text", self._listen)
        app.router.add_post("/v1/text-to-speech/{voice_id}", self._speak)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Alone, at `url`."""
        app = web.Application(client_max_size=32 << 20)
        self.add_to(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()

    async def _listen(self, request: web.Request) -> web.Response:
        form, sound = await _read(request)
        if (refused := self._refused(request)) is not None:
            return refused
        if problems := _unknown_names(form, _FIELDS):
            return self._invalid(problems)
        if form.get("model_id") not in ("scribe_v1", "scribe_v2"):
            self.violations.append(f"model_id is {form.get('model_id')}")
        try:
            words = await asyncio.to_thread(hearing.words, sound)
        except VoiceError:
            return _failed(400, "invalid_audio")
        self.heard.append(words)
        answer = SpeechToTextChunkResponseModel(language_code="eng", language_probability=1.0, text=words, words=[])
        return web.json_response(answer.model_dump(exclude_none=True))

    async def _speak(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        if (refused := self._refused(request)) is not None:
            return refused
        problems = list(unknown("text_to_speech", body, [body_of(TextToSpeechClient.convert)]))
        if problems := problems + _unknown_names(request.query, _PARAMETERS):
            return self._invalid(problems)
        wanted = request.query.get("output_format", "mp3_44100_128")
        kind, _, rate = wanted.partition("_")
        if wanted not in _FORMATS or kind != "pcm":
            self.violations.append(f"output_format is {wanted}")
            return _failed(400, "invalid_output_format")
        self.spoken.append(body["text"])
        sound = await hearing.said(body["text"], self._directory)
        pcm = await asyncio.to_thread(decoded, sound, int(rate))
        if self.when_spoken is not None:
            self.when_spoken()
        return web.Response(body=pcm, content_type="audio/pcm")

    def _refused(self, request: web.Request) -> web.Response | None:
        if self.failures:
            return _failed(*self.failures.pop(0))
        return None if request.headers.get("xi-api-key") == KEY else _failed(401, "invalid_api_key")

    def _invalid(self, problems: Sequence[Problem]) -> web.Response:
        self.violations += [f"{'.'.join(map(str, each.path))}: {each.message}" for each in problems]
        return invalid(problems)


def _unknown_names(given: Iterable[str], known: frozenset[str]) -> list[Problem]:
    return [Problem("speech", (name,), "it is no parameter", "extra_forbidden") for name in sorted(set(given) - known)]


async def _read(request: web.Request) -> tuple[dict[str, Any], bytes]:
    """The form's fields, and the content of its file."""
    fields, sound, reader = dict[str, Any](), b"", await request.multipart()
    while (part := await reader.next()) is not None:
        assert isinstance(part, BodyPartReader)
        if part.name == "file":
            sound = bytes(await part.read())
        fields[part.name or ""] = part.filename if part.name == "file" else await part.text()
    return fields, sound


def _failed(status: int, code: str) -> web.Response:
    """A redirect leads where nobody is."""
    headers = {"Location": "http://127.0.0.1:1/"} if status < 400 else {}
    told = {"detail": {"status": code, "message": "ordered by the test"}}
    return web.json_response(told, status=status, headers=headers)
