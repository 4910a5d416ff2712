"""ElevenLabs as the tests have it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agents.config import Settings, load
from tests.agents.voice.place import Place, opened
from tests.elevenlabs_standin import ElevenLabsStandin, environ


@pytest.fixture
async def elevenlabs() -> AsyncIterator[ElevenLabsStandin]:
    """Nothing that either side sent may differ from the public documents."""
    async with ElevenLabsStandin().running() as standin:
        yield standin
    assert standin.problems == []


@pytest.fixture
def settings(elevenlabs: ElevenLabsStandin) -> Settings:
    return load(environ(elevenlabs), dotenv=None)


@pytest.fixture
async def scene(elevenlabs: ElevenLabsStandin, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    async with opened(elevenlabs, monkeypatch) as found:
        yield found
