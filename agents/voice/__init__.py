"""ElevenLabs: its agent as a caller of the tools, and speech that becomes words and back."""
