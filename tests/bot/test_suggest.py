"""Names are completed while they are typed, in time also when the host is slow or gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from agents.tools.catalogue import TOOLS
from tests.bot.scene import RUN_S, Scene
from vps.workspaces import Workspaces


@contextlib.contextmanager
def host_stalled(root: Path) -> Generator[None]:
    """The relay on the host answers nothing meanwhile."""
    words = [b"relay", os.fsencode(root)]
    found = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if all(word in _words(path) for word in words)
    ]
    assert found
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)


def _words(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:
        return []


async def test_every_name_is_completed_wherever_it_is_typed(scene: Scene) -> None:
    created = await scene.slash("workspace create", workspace_name="Api")
    await created.shows("Api · main", 60)
    path = scene.bot.crew.workspaces.path("Api")
    expected = {"container_id": [], "workspace_name": ["Api"], "workspace_path": [path]}
    typed = [(tool.verb, name) for tool in TOOLS for name in tool.input.model_fields if name in expected]
    assert {verb for verb, name in typed if name == "workspace_name"} >= {"workspace push", "workspace delete"}
    for verb, name in typed:
        if expected[name]:
            assert await scene.offered(verb, name, "aPi") == expected[name], (verb, name)
        else:
            assert await scene.discord.autocomplete(scene.ada, scene.channel, verb, name, "aPi") == [], (verb, name)
    assert await scene.offered("audit", "tool", "clone") == ["clone_repo"]


async def test_a_slow_host_offers_nothing_in_time_and_all_of_it_later(scene: Scene) -> None:
    with host_stalled(scene.root):
        asked = [
            scene.discord.autocomplete(scene.ada, scene.channel, verb, name, "")
            for verb, name in (
                ("stop", "container_id"),
                ("workspace sync", "workspace_name"),
                ("spawn", "workspace_path"),
            )
        ]
        assert await asyncio.gather(*asked) == [[], [], []]
    assert await scene.offered("workspace sync", "workspace_name", "") != []


def broken(_self: Workspaces, _name: str) -> str:
    raise RuntimeError("broken")


async def test_what_fails_while_somebody_types_is_logged_and_offers_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workspaces, "path", broken)
    async with asyncio.timeout(RUN_S):
        while "suggestions failed" not in [entry["event"] for entry in scene.logged]:  # it fails once it has the names
            assert await scene.discord.autocomplete(scene.ada, scene.channel, "spawn", "workspace_path", "") == []
