"""The agents' image for tests, on the machine's engine."""

from __future__ import annotations

import os

from agents.config import Settings
from vps.config import HostConfig
from vps.image import Image
from vps.ssh import SshHost

IMAGE = f"agentflow-claude-code:{os.environ.get('AGENTFLOW_TESTS_TAG', 'tests')}"
"""Another tag keeps two working copies on one machine out of each other's way."""
_VERSION = str(Settings.model_fields["CLAUDE_CODE_VERSION"].default)


async def ensure_image(config: HostConfig) -> str:
    """Its name, once it is there and current."""

    async def say(text: str) -> None:
        print(f"image: {text}", flush=True)

    async with SshHost(config) as host:
        await Image(host, root="/tmp/agentflow-tests", image=IMAGE, base_image=None, version=_VERSION).ensure(say)
    return IMAGE
