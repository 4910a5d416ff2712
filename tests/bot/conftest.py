"""Fixtures of the bot's tests: what they stand on, and a fresh scene."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents.voice import opus
from agents.voice.opus import Recording, recorded
from bot.demo.stage import seed
from tests.bot.bot_process import empty_scene, environ, started
from tests.bot.scene import IMAGE, KEY, Ground, Scene, opened
from tests.bot.speaking import Voice
from tests.chaos.bot import BotProcess
from tests.elevenlabs_standin import hearing
from tests.elevenlabs_standin.speech import Speech
from tests.host_figures import variable
from tests.vps.git_remote import TOKEN, GitRemote
from vps.testing.model import ScriptedModel
from vps.testing.sshd import generate_key, sshd


@pytest.fixture(scope="session")
async def ground(
    tmp_path_factory: pytest.TempPathFactory, image: str, figures: Path, gateway: Path | None
) -> AsyncIterator[Ground]:
    assert image == IMAGE
    directory = tmp_path_factory.mktemp("bot-ssh")
    key = directory / "login_key"
    async with AsyncExitStack() as stack:
        options = {"SetEnv": variable(figures)}
        server = await stack.enter_async_context(
            sshd(directory, authorized_key=generate_key(key), say=print, options=options)
        )
        model = await stack.enter_async_context(ScriptedModel(api_key=KEY))
        yield Ground(server, key, model, gateway)


@pytest.fixture
async def git_scene(ground: Ground, remote: GitRemote) -> AsyncIterator[Scene]:
    """A scene whose GitHub is that remote."""
    async with opened(ground, GITHUB_TOKEN=SecretStr(TOKEN), GITHUB_API_URL=remote.url) as found:
        yield found


@pytest.fixture
async def scene(ground: Ground) -> AsyncIterator[Scene]:
    async with opened(ground) as found:
        yield found


@pytest.fixture
async def away(ground: Ground, image: str, tmp_path: Path) -> AsyncIterator[tuple[Scene, BotProcess]]:
    """A bot as a process, which can be killed; what is left is cleared by another one."""
    assert image
    async with empty_scene(ground) as scene:
        await asyncio.to_thread(seed, scene.workspace)
        bot = BotProcess(environ(scene.settings), tmp_path / "bot.log")
        await started(scene, bot)
        yield scene, bot
        await bot.kill()
        await scene.clear()


@pytest.fixture(scope="session")
async def eleven(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Speech]:
    made = Speech(tmp_path_factory.mktemp("speech"))
    async with made.serving():
        yield made
    assert made.violations == []


@pytest.fixture(scope="session")
async def voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    """Makes a voice message of words."""
    made, directory = dict[str, Recording](), tmp_path_factory.mktemp("voice")

    async def make(words: str) -> Recording:
        if words not in made:
            made[words] = recorded(opus.decoded(await hearing.said(words, directory)), opus.RATE)
        return made[words]

    return make
