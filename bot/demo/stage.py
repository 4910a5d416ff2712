"""Sets the demo's stage: engine, SSH server, model, Discord and bot, each on real parts, each stopped again at the end."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from agents.config import Settings
from agents.crew import Progress
from bot.app import Bot
from bot.demo.embedded import EmbeddedDiscord, embedded_discord
from bot.service import running_bot
from vps.commands import docker
from vps.runner import check
from vps.testing.engine import engine
from vps.testing.model import ScriptedModel
from vps.testing.packages import Say
from vps.testing.sshd import generate_key, sshd

CALC = """def add(a, b):
    return a - b


if __name__ == "__main__":
    print(add(2, 2))
"""
_KEY = SecretStr("sk-ant-embedded-model-0123456789")


@dataclass(frozen=True)
class Stage:
    """What is running: the page, the bot, and the workspace the agents work in."""

    discord: EmbeddedDiscord
    bot: Bot
    workspace: Path
    model: str


@asynccontextmanager
async def stage(
    directory: Path, say: Say, *, port: int = 0, anew: bool = False, idle_s: float = 300.0
) -> AsyncGenerator[Stage]:
    """Everything for the length of the block, its files in `directory`; nothing is left running behind it.

    With `anew` the repository of an earlier time goes, so that there is something to change. An agent that is done stays warm
    for `idle_s` seconds.
    """
    root = directory / "vps"
    async with contextlib.AsyncExitStack() as stack:
        say("Docker: looking for an engine")
        found = await stack.enter_async_context(engine(say))
        say(
            f"Docker: engine {found.version}"
            + (", started for this demo" if found.started_here else ", the one that runs here")
        )
        key = directory / "ssh" / "login_key"
        await asyncio.to_thread(key.parent.mkdir, parents=True, exist_ok=True)
        server = await stack.enter_async_context(sshd(directory / "ssh", authorized_key=generate_key(key), say=say))
        say(f"VPS: this machine, through sshd on 127.0.0.1:{server.port}")
        credential, model = await _model(stack, say)
        discord = await stack.enter_async_context(embedded_discord(port=port))
        settings = Settings.model_validate(
            {
                "DISCORD_BOT_TOKEN": discord.token,
                "DISCORD_GUILD_ID": discord.guild_id,
                "DISCORD_CHANNEL_ID": discord.channel_id,
                "DISCORD_API_URL": discord.api_url,
                "DISCORD_GATEWAY_URL": discord.gateway_url,
                "HETZNER_SERVER_IP": "127.0.0.1",
                "HETZNER_SSH_USER": getpass.getuser(),
                "HETZNER_SSH_PORT": server.port,
                "HETZNER_SSH_KEY": key,
                "HETZNER_KNOWN_HOSTS": server.known_hosts,
                "AGENTFLOW_ROOT": str(root),
                "AGENTFLOW_STATE_DIR": directory / "state",
                "AGENTFLOW_IDLE_S": idle_s,
                **credential,
            }
        )
        bot, _ = await stack.enter_async_context(running_bot(settings))
        await discord.ready("spawn", timeout=30)
        say("Bot: connected to the embedded Discord, commands synced")
        try:
            await bot.crew.image.ensure(_told(say))
            await bot.crew.gateway.ensure(_told(say))
            yield Stage(discord, bot, await _workspace(bot, root, anew=anew), model)
        finally:
            await _clear(bot, say)


async def _workspace(bot: Bot, root: Path, *, anew: bool) -> Path:
    """The repository agents work in. What an agent wrote belongs to its user: only a container removes it for every user."""
    workspace = root / "workspace"
    if anew and workspace.exists():
        await check(bot.crew.relay, docker.remove_as_root(bot.settings.AGENTFLOW_IMAGE, str(root), [workspace.name]))
    await asyncio.to_thread(seed, workspace)
    return workspace


def _told(say: Say) -> Progress:
    async def tell(text: str) -> None:
        say(f"Image: {text}")

    return tell


async def _model(stack: contextlib.AsyncExitStack, say: Say) -> tuple[dict[str, object], str]:
    """The real model when a key is set, else the embedded scripted one."""
    if key := os.environ.get("ANTHROPIC_API_KEY"):
        say("Model: Anthropic's, with your ANTHROPIC_API_KEY")
        return {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": os.environ.get("ANTHROPIC_BASE_URL")}, "real"
    model = await stack.enter_async_context(ScriptedModel(api_key=_KEY))
    say(f"Model: an embedded script at {model.url} (set ANTHROPIC_API_KEY for the real one)")
    return {"ANTHROPIC_API_KEY": _KEY, "ANTHROPIC_BASE_URL": model.url}, "scripted"


async def _clear(bot: Bot, say: Say) -> None:
    """Stop what still runs and the keeper, so that nothing of the demo outlives it."""
    for run in await bot.crew.runs.list():
        if run.alive and run.record is not None:
            say(f"Stopping {run.name}")
            await bot.crew.runs.stop(run.name)
    async with asyncio.timeout(30):
        while any(run.alive and run.record for run in await bot.crew.runs.list()):
            await asyncio.sleep(0.2)
    await bot.crew.runs.stop_keeper()
    await bot.crew.gateway.remove()


def seed(workspace: Path) -> None:
    """A small repository with a bug in it, made anew unless somebody works in it already."""
    if (workspace / ".git").exists():
        return
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "calc.py").write_text(CALC, encoding="ascii")
    git = ["git", "-c", "user.name=AgentFlow", "-c", "user.email=agentflow@localhost", "-C", str(workspace)]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "A calculator"]):
        subprocess.run([*git, *words], check=True)
