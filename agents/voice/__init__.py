"""The ElevenLabs agent as a caller: its set-up, and conversations with it in which it calls the tools."""
