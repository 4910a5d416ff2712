"""What can go wrong with ElevenLabs."""

from __future__ import annotations

from vps.errors import VpsError


class VoiceUnavailable(VpsError):
    """ElevenLabs cannot be used now; the remedy says what to do. One that `passes` may be gone at the next attempt."""

    def __init__(self, message: str, *, remedy: str = "", passes: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.passes = passes


class VoiceError(VpsError):
    """Speech could not be understood, or made."""


class VoiceOff(VoiceError):
    """There is no key for it."""

    def __init__(self) -> None:
        super().__init__("Voice is off: set ELEVENLABS_API_KEY.", remedy="The operator does that in .env.")


class Refused(Exception):
    """ElevenLabs answered with this status, and this word of its own for what is wrong, which may be empty."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}".strip())
        self.status, self.code = status, code


class Unreachable(Exception):
    """There was no answer."""
