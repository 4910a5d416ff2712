"""ElevenLabs as the tests have it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agents.config import Settings, load
from tests.elevenlabs_standin import KEY, ElevenLabsStandin


@pytest.fixture
async def elevenlabs() -> AsyncIterator[ElevenLabsStandin]:
    """Nothing that either side sent may differ from the public documents."""
    async with ElevenLabsStandin().running() as standin:
        yield standin
    assert standin.problems == []


@pytest.fixture
def settings(elevenlabs: ElevenLabsStandin) -> Settings:
    return load(environ(elevenlabs), dotenv=None)


def environ(standin: ElevenLabsStandin, **more: str) -> dict[str, str]:
    return {"ELEVENLABS_API_KEY": KEY, "ELEVENLABS_BASE_URL": standin.url, **more}
