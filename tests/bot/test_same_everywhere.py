"""The same bad input is refused with the same words in Discord and in the shell, and leaves its audit line from both."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal, get_origin

import pytest

from agents import audit
from agents.tools.catalogue import TOOLS
from agents.tools.core import Tool
from tests.bot.scene import RUN_S, Ground, Scene, opened
from tests.test_surfaces import BAD, GOOD, required
from vps.errors import BadInput

REPOSITORY = Path(__file__).parents[2]
AnyTool = Tool[Any, Any]
CASES = [
    (tool, name)
    for tool in TOOLS
    for name, field in tool.input.model_fields.items()
    # Of a fixed choice Discord lets nobody type anything else.
    if field.is_required() and get_origin(field.annotation) is not Literal and not tool.unseen
]


@pytest.fixture(scope="module")
async def calm(ground: Ground) -> AsyncIterator[Scene]:
    async with opened(ground, image_ready=False) as found:
        yield found


async def in_shell(scene: Scene, tool: AnyTool, given: dict[str, Any]) -> tuple[int, str]:
    """The exit code and what is said on stderr."""
    settings = scene.settings
    environ = {
        "HETZNER_SERVER_IP": str(settings.HETZNER_SERVER_IP),
        "HETZNER_SSH_PORT": str(settings.HETZNER_SSH_PORT),
        "HETZNER_SSH_KEY": str(settings.HETZNER_SSH_KEY),
        "HETZNER_KNOWN_HOSTS": str(settings.HETZNER_KNOWN_HOSTS),
        "AGENTFLOW_ROOT": str(scene.root),
        "ANTHROPIC_API_KEY": "sk-ant-same-everywhere-0123456789",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "HOME": str(scene.root),
    }
    words = [*tool.verb.split(), *(f"--{name}={value}" for name, value in given.items())]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words,
        cwd=scene.root, env=environ, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(RUN_S):
        _, said = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.mark.parametrize(("tool", "name"), CASES, ids=lambda each: each.name if isinstance(each, Tool) else str(each))
async def test_bad_input_is_told_alike_in_discord_and_in_the_shell(calm: Scene, tool: AnyTool, name: str) -> None:
    given = required(tool, GOOD) | {name: BAD[name]}
    with pytest.raises(BadInput) as refused:
        tool.parse(given)
    words = str(refused.value)

    answer = await calm.answer(tool.verb, **given)
    assert answer.ephemeral
    assert _plain(answer.text).startswith("❌ " + _plain(words)), answer.text
    code, said = await in_shell(calm, tool, given)
    assert code == 2
    assert _plain(said).startswith("error: " + _plain(words)), said

    (call, *_) = reversed(await audit.read(calm.bot.crew.relay, 100, {"tool": tool.name}))
    assert call.outcome.startswith(f"BadInput: {name}: ")


def _plain(text: str) -> str:
    """Without Discord's escapes and what is wrapped."""
    return " ".join(text.replace("\\", "").split())
