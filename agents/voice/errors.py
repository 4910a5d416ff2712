"""What can go wrong with ElevenLabs."""

from __future__ import annotations

from agents.config import SettingsError
from vps.errors import VpsError


class VoiceError(VpsError):
    """ElevenLabs cannot be used for this; the remedy says what to do."""


class VoiceUnavailable(VoiceError):
    """There is no conversation with its agent now. One that `passes` may be gone at the next attempt."""

    def __init__(self, message: str, *, remedy: str = "", passes: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.passes = passes


class VoiceOff(VoiceError, SettingsError):
    """There is no key for it."""

    def __init__(self) -> None:
        remedy = "Make a key in ElevenLabs (Developers, API keys) and set it in .env."
        super().__init__("Voice is off: ELEVENLABS_API_KEY is not set.", remedy=remedy)


class Refused(Exception):
    """ElevenLabs answered with this status, and this word of its own for what is wrong, which may be empty."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}".strip())
        self.status, self.code = status, code


class Unreachable(Exception):
    """There was no answer."""
