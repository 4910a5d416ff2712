"""What can go wrong with ElevenLabs."""

from __future__ import annotations

from vps.errors import VpsError


class VoiceUnavailable(VpsError):
    """ElevenLabs cannot be used now; the remedy says what to do. One that `passes` may be gone at the next attempt."""

    def __init__(self, message: str, *, remedy: str = "", passes: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.passes = passes
