"""A stand-in for ElevenLabs on loopback."""
