"""The bot as systemd runs it: told when it is ready, watched, ended with SIGTERM."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.bot_process import empty_scene, environ
from tests.bot.scene import KEY, RUN_S, Ground, Scene
from tests.chaos.agents import ScriptedAgent
from tests.chaos.bot import BotProcess


@pytest.fixture
async def scene(ground: Ground) -> AsyncIterator[Scene]:
    async with empty_scene(ground) as made:
        yield made


def test_a_bot_has_not_loaded_what_only_some_of_its_people_use() -> None:
    """Each takes 9 to 40 MiB, and as long as all the rest to import."""
    code = "import sys, bot.service; print({'PIL', 'anthropic', 'av', 'elevenlabs', 'mcp'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"set()\n"


class Manager:
    """systemd's end of the notifications."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    async def told(self, wanted: bytes) -> bytes:
        """The next notification that has these words."""
        async with asyncio.timeout(RUN_S):
            while wanted not in (text := await asyncio.get_running_loop().sock_recv(self._socket, 4096)):
                pass
        return text

    def close(self) -> None:
        self._socket.close()


async def test_systemd_is_told_when_it_is_ready_that_it_turns_and_that_it_ends(scene: Scene) -> None:
    systemd = Manager(scene.root / "notify")
    log = scene.root / "bot.log"
    watched = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "400000"}
    bot = BotProcess(environ(scene.settings) | watched, log)
    try:
        await bot.start()
        ready = await systemd.told(b"READY=1")
        assert scene.discord.gateway.connected
        assert b"STATUS=Connected to Discord as agentflow" in ready
        for _ in range(3):
            await systemd.told(b"WATCHDOG=1")
        ending = asyncio.create_task(bot.stop(signal.SIGTERM))
        await systemd.told(b"STOPPING=1")
        assert await ending == 0
        assert json.loads((scene.root / "lease.json").read_text()) == {}
    finally:
        await bot.kill()
        systemd.close()


async def test_its_log_is_json_each_line_of_a_run_names_it_and_no_secret_is_in_it(scene: Scene) -> None:
    log = scene.root / "bot.log"
    bot = BotProcess(environ(scene.settings) | {"AGENTFLOW_LOG_LEVEL": "debug"}, log)
    agent = ScriptedAgent(scene.root, 1, 5, 0.01, random.Random(1))
    agent.prepare()
    scene.discord.reset_next("POST", r"/channels/\d+/messages$")
    try:
        await bot.start()
        await agent.run()
        thread = await scene.new_thread(set())
        await scene.discord.message_in(thread, "**Done**", RUN_S)
        assert await bot.stop(signal.SIGTERM) == 0
    finally:
        await bot.kill()
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    failed = [line for line in lines if line["event"] == "discord failed"]
    assert [line["run"] for line in failed] == [agent.name] * len(failed) != []
    assert "ready" in {line["event"] for line in lines}
    token = scene.settings.DISCORD_BOT_TOKEN
    assert token
    assert token.get_secret_value() not in text
    assert KEY.get_secret_value() not in text
