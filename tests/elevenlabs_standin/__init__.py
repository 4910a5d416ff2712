"""A stand-in for ElevenLabs Agents: tools, agents, signed URLs and conversations, each request and frame checked against the
public OpenAPI and AsyncAPI documents (tests/data/elevenlabs) and the SDK's types. What of the client's does not fit is refused.
"""

from tests.elevenlabs_standin.script import CallTool, Complete, Correct, Drop, Fail, Pause, Raw, Say, Step
from tests.elevenlabs_standin.server import KEY, ElevenLabsStandin, environ

__all__ = [
    "KEY",
    "CallTool",
    "Complete",
    "Correct",
    "Drop",
    "ElevenLabsStandin",
    "Fail",
    "Pause",
    "Raw",
    "Say",
    "Step",
    "environ",
]
