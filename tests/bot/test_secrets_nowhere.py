"""After a clone, an agent at work and a push, the token and the key stand nowhere they would outlive their use."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.scene import KEY, RUN_S, Scene
from tests.vps.git_remote import TOKEN, GitRemote

SECRETS = (TOKEN.encode(), KEY.get_secret_value().encode())


@pytest.fixture
async def scene(git_scene: Scene, remote: GitRemote) -> Scene:
    await remote.repository("api", {"a.txt": "a\n"})
    return git_scene


def holding(directory: Path) -> Iterator[Path]:
    """The files below a directory that hold one of them."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError):  # one that is gone holds nothing any more
                data = path.read_bytes()
                if any(secret in data for secret in SECRETS):
                    yield path


async def test_they_are_in_no_file_log_or_container_of_ours(scene: Scene, remote: GitRemote) -> None:
    path = await scene.clone(remote)
    thread = await scene.spawn("scenario:sleep:300", workspace_path=path)
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)

    container: dict[str, Any] = await scene.container()
    assert not any(secret.decode() in json.dumps(container) for secret in SECRETS)
    written = Path(container["GraphDriver"]["Data"]["UpperDir"])
    assert any(written.rglob("*")), "what the container wrote was not found"
    assert await asyncio.to_thread(list, holding(written)) == []

    await scene.slash("stop", container_id=await scene.name_of(thread))
    await scene.end_of(thread)
    name = container["Name"].removeprefix("/")
    pushed = await scene.slash("workspace push", workspace_name="api", commit_message="a push")
    await pushed.shows("has main at", RUN_S)
    await scene.gone(name)
    assert await asyncio.to_thread(list, holding(scene.root)) == []
    assert not any(secret.decode() in str(scene.logged) for secret in SECRETS)
    assert not any(secret.decode() in scene.discord.transcript(thread) for secret in SECRETS)
