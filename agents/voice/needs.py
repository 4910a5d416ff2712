"""What voice takes of the settings."""

from __future__ import annotations

from agents.config import Settings, SettingsError
from agents.voice.errors import VoiceOff

SETUP = "Run `agentflow voice setup`, and put the line it prints into .env."


def require_key(settings: Settings) -> str:
    """The key. Raises VoiceOff without one."""
    if settings.ELEVENLABS_API_KEY is None:
        raise VoiceOff
    return settings.ELEVENLABS_API_KEY.get_secret_value()


def require_agent(settings: Settings) -> str:
    """The id of the agent. Raises VoiceOff without a key, SettingsError without an agent."""
    require_key(settings)
    if settings.ELEVENLABS_AGENT_ID is None:
        raise SettingsError("There is no voice agent: ELEVENLABS_AGENT_ID is not set.", remedy=SETUP)
    return settings.ELEVENLABS_AGENT_ID
