"""Fixtures of the bot's tests: what they stand on, and a fresh scene."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.bot.scene import IMAGE, KEY, Ground, Scene, opened
from tests.host_figures import variable
from tests.vps.git_remote import TOKEN, GitRemote
from vps.testing.model import ScriptedModel
from vps.testing.sshd import generate_key, sshd


@pytest.fixture(scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory, image: str, figures: Path) -> AsyncIterator[Ground]:
    assert image == IMAGE
    directory = tmp_path_factory.mktemp("bot-ssh")
    key = directory / "login_key"
    async with AsyncExitStack() as stack:
        options = {"SetEnv": variable(figures)}
        server = await stack.enter_async_context(
            sshd(directory, authorized_key=generate_key(key), say=print, options=options)
        )
        model = await stack.enter_async_context(ScriptedModel(api_key=KEY))
        yield Ground(server, key, model)


@pytest.fixture
async def git_scene(ground: Ground, remote: GitRemote) -> AsyncIterator[Scene]:
    """A scene whose GitHub is that remote."""
    async with opened(ground, GITHUB_TOKEN=SecretStr(TOKEN), GITHUB_API_URL=remote.url) as found:
        yield found


@pytest.fixture
async def scene(ground: Ground) -> AsyncIterator[Scene]:
    async with opened(ground) as found:
        yield found
