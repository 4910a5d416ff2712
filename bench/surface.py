"""What people in Discord notice: the first answer to a command, an event's way into the thread; and the bot's memory."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from discord.utils import snowflake_time

from bench.figures import Row
from bot.demo.embedded import embedded_discord
from bot.demo.stage import Stage
from bot.demo.view import shown
from vps.testing.sshd import generate_key, sshd

COMMANDS = 15
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
    """From the moment an event was written to the log to its message in Discord, both on this machine's clock."""
    await _all_over(stage)
    await stage.discord.person.slash("spawn", task="scenario:words:12")

    def opened() -> int | None:
        return next((thread.id for thread in stage.discord.world.threads() if "words" in (thread.name or "")), None)

    thread = await stage.discord.world.until(opened, 60)
    await stage.discord.text_with(thread, "Done", 90)
    messages = [message for message in shown(stage.discord.world, thread) if message.content]
    written = _written(stage)
    values = [
        (snowflake_time(message.id).timestamp() - written[key]) * 1000
        for message in messages
        if (key := message.content.strip()[:60]) in written
    ]
    return Row("an event in the log to its message in Discord", "ms", values)


async def _all_over(stage: Stage) -> None:
    async with asyncio.timeout(120):
        while any(run.alive for run in await stage.bot.crew.runs.list()):
            await asyncio.sleep(0.2)


def _written(stage: Stage) -> dict[str, float]:
    """When each text was written: the log's own supervisor and user lines carry times, so the file's last ones are used."""
    runs = sorted((stage.workspace.parent / "runs").iterdir())
    found: dict[str, float] = {}
    last = 0.0
    for line in (runs[-1] / "out" / "out.jsonl").read_text(encoding="utf-8").splitlines():
        record: dict[str, Any] = json.loads(line)
        if "timestamp" in record:
            last = datetime.fromisoformat(record["timestamp"]).timestamp()
        blocks: list[dict[str, Any]] = record["message"]["content"] if record.get("type") == "assistant" else []
        for block in blocks:
            if block.get("type") == "text" and last:
                found[block["text"].strip()[:60]] = last
    return found


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
            status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
        finally:
            process.terminate()
            await process.wait()
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return [Row("memory of the bot at rest (resident)", "MiB", [kib / 1024], "goal < 120")]
