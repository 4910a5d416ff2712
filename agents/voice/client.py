"""The SDK's client for ElevenLabs (elevenlabs 2.78.0), whose calls block."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import httpx
from elevenlabs.client import ElevenLabs

from agents.config import Settings
from agents.voice.needs import require_key


@contextlib.contextmanager
def connected(settings: Settings, timeout: httpx.Timeout) -> Generator[ElevenLabs]:
    """A client whose connections go with the block. Raises VoiceOff without a key."""
    key = require_key(settings)
    # A redirect would take the key along: httpx drops Authorization alone on its way to another host.
    with httpx.Client(timeout=timeout, follow_redirects=False) as http:
        yield ElevenLabs(api_key=key, base_url=settings.ELEVENLABS_BASE_URL, timeout=timeout.read, httpx_client=http)
