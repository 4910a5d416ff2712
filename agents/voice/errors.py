"""What can go wrong with ElevenLabs."""

from __future__ import annotations

from vps.errors import VpsError


class VoiceUnavailable(VpsError):
    """ElevenLabs cannot be used now; the remedy says what to do."""
