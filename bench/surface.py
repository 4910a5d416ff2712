"""What people in Discord notice: the first answer to a command, an event's way into the thread; and the bot's memory."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from discord.utils import snowflake_time

from bench.figures import Row
from bench.processes import memory_mib
from bot.demo.embedded import embedded_discord
from bot.demo.stage import Stage
from bot.demo.view import shown
from tests.chaos.agents import numbers
from vps.host import layout
from vps.testing.sshd import generate_key, sshd

COMMANDS, LINES = 15, 20
_LOOK_S = 0.002
_SETTLE_S = 10.0


async def measure(stage: Stage) -> list[Row]:
    """First answers, and the latency of events."""
    return [*await _first_answers(stage), await _latency(stage)]


async def _first_answers(stage: Stage) -> list[Row]:
    rows: list[Row] = []
    for command in ("list", "spawn"):
        values: list[float] = []
        for _ in range(COMMANDS if command == "list" else 7):
            started = time.perf_counter()
            if command == "spawn":
                await stage.discord.person.slash(command, task="scenario:ok")
            else:
                await stage.discord.person.slash(command)
            values.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.2)
        rows.append(Row(f"/{command} to its first answer", "ms", values, "goal < 1000"))
    return rows


async def _latency(stage: Stage) -> Row:
    """From the moment a line stands in the log to its message in Discord, both on this machine's clock."""
    await _all_over(stage)
    root = str(stage.workspace.parent)
    known = set(layout.names(root))
    await stage.discord.person.slash("spawn", task=f"scenario:count:{LINES}")
    async with asyncio.timeout(60):
        while not (new := set(layout.names(root)) - known):
            await asyncio.sleep(0.01)
    written = await _written(Path(layout.run(root, new.pop())) / "out" / "out.jsonl")

    def opened() -> int | None:
        return next((thread.id for thread in stage.discord.world.threads() if "count" in (thread.name or "")), None)

    thread = await stage.discord.world.until(opened, 60)
    await stage.discord.text_with(thread, "Done", 90)
    told: dict[int, float] = {}
    for message in shown(stage.discord.world, thread):
        for line in numbers(message.content):
            told.setdefault(line, snowflake_time(message.id).timestamp())
    return Row(
        "an event in the log to its message in Discord", "ms", [(told[line] - written[line]) * 1000 for line in written]
    )


async def _written(log: Path) -> dict[int, float]:
    """When each of the lines that it says came into a run's log, as whoever looks all the time sees it."""
    found: dict[int, float] = {}
    read = 0
    async with asyncio.timeout(90):
        while len(found) < LINES:
            data = log.read_bytes()
            now, whole = time.time(), data.rfind(b"\n") + 1
            for each in data[read:whole].splitlines():
                if each.startswith(b'{"type":"assistant"'):
                    found |= {line: now for line in numbers(each.decode()) if line not in found}
            read = whole
            await asyncio.sleep(_LOOK_S)
    return found


async def _all_over(stage: Stage) -> None:
    async with asyncio.timeout(120):
        while any(run.alive for run in await stage.bot.crew.runs.list()):
            await asyncio.sleep(0.2)


async def memory_at_rest(directory: Path) -> list[Row]:
    """The resident memory of a bot process of its own, some seconds after it is ready."""
    key = directory / "rest" / "key"
    await asyncio.to_thread(key.parent.mkdir, parents=True, exist_ok=True)
    public = await asyncio.to_thread(generate_key, key)
    async with (
        sshd(directory / "rest", authorized_key=public, say=lambda _: None) as server,
        embedded_discord() as discord,
    ):
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "DISCORD_BOT_TOKEN": discord.token,
            "DISCORD_GUILD_ID": str(discord.guild_id),
            "DISCORD_CHANNEL_ID": str(discord.channel_id),
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "HETZNER_SERVER_IP": "127.0.0.1",
            "HETZNER_SSH_PORT": str(server.port),
            "HETZNER_SSH_USER": server.users[0],
            "HETZNER_SSH_KEY": str(key),
            "HETZNER_KNOWN_HOSTS": str(server.known_hosts),
            "AGENTFLOW_ROOT": str(directory / "rest" / "vps"),
            "AGENTFLOW_STATE_DIR": str(directory / "rest" / "state"),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            env=environ,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await discord.ready("spawn", 30)
            await asyncio.sleep(_SETTLE_S)
            resident = await asyncio.to_thread(memory_mib, process.pid, "VmRSS")
        finally:
            process.terminate()
            await process.wait()
    return [Row("memory of the bot at rest (resident)", "MiB", [resident], "goal < 120")]
