"""The real bot between a stand-in for Discord and real parts: sshd, Docker, the CLI against a scripted model."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from structlog.testing import capture_logs

from agents.config import Settings
from bot.app import Bot
from bot.demo.stage import seed
from bot.service import running_bot
from tests.agent_image import IMAGE
from tests.discord_standin import Channel, Interaction, Message, StandIn, User
from tests.discord_standin.sessions import MESSAGE_CONTENT
from tests.shared_gateway import is_lent, lend
from tests.vps.git_remote import GitRemote
from vps.host.layout import LABEL_ROOT, LABEL_RUN
from vps.testing.model import ScriptedModel
from vps.testing.sshd import Sshd

KEY = SecretStr("sk-ant-bot-tests-0123456789abcdef")
RUN_S = 120.0
"""What a scripted run may take on a busy machine, where a CLI alone takes a quarter of a minute to start."""


@dataclass(frozen=True)
class Ground:
    """What all of these tests stand on."""

    server: Sshd
    key: Path
    model: ScriptedModel
    gateway: Path | None = None


class Scene:
    """A guild with the bot in it: `ada` may use it, `eve` and `grace` (of the role crew) may not.

    Each scene has a root directory of its own.
    """

    def __init__(self, ground: Ground, discord: StandIn, root: Path, given: dict[str, Any]) -> None:
        self.discord = discord
        self.ground = ground
        self.model = ground.model
        self.root = root
        self.workspace = root / "workspace"
        self.channel = discord.world.add_channel("agents")
        self.crew_role = discord.world.add_role("crew")
        self.ada, self.eve = discord.world.add_member("ada"), discord.world.add_member("eve")
        self.grace = discord.world.add_member("grace", [self.crew_role])
        self.settings = self._settings(ground, given)
        self.logged: list[MutableMapping[str, Any]] = []
        self._running = AsyncExitStack()
        self._bot: Bot | None = None
        self._working: asyncio.Task[None] | None = None

    def _settings(self, ground: Ground, given: dict[str, Any]) -> Settings:
        defaults = {
            "DISCORD_BOT_TOKEN": self.discord.token,
            "DISCORD_GUILD_ID": self.discord.world.guild_id,
            "DISCORD_CHANNEL_ID": self.channel.id,
            "DISCORD_ALLOWED_USER_IDS": frozenset({self.ada.id}),
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_GATEWAY_URL": self.discord.gateway_url,
            "HETZNER_SERVER_IP": ground.server.address,
            "HETZNER_SSH_USER": getpass.getuser(),
            "HETZNER_SSH_PORT": ground.server.port,
            "HETZNER_SSH_KEY": ground.key,
            "HETZNER_KNOWN_HOSTS": ground.server.known_hosts,
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": ground.model.url,
            "AGENTFLOW_IMAGE": IMAGE,
            "AGENTFLOW_ROOT": str(self.root),
            "AGENTFLOW_IDLE_S": 0,
            "AGENTFLOW_STATE_DIR": self.root / "state",
        }
        return Settings.model_validate({**defaults, **given})

    @property
    def bot(self) -> Bot:
        assert self._bot is not None, "the bot is off"
        return self._bot

    @property
    def working(self) -> asyncio.Task[None]:
        """Ends when the bot does by itself."""
        assert self._working is not None, "the bot is off"
        return self._working

    async def start_bot(self) -> None:
        """Log in, and wait until commands work."""
        self._bot, self._working = await self._running.enter_async_context(running_bot(self.settings))
        async with asyncio.timeout(RUN_S):
            await self.discord.connected(RUN_S)
            await self._bot.wait_until_ready()

    async def stop_bot(self) -> None:
        """Log out; runs go on."""
        self._bot = None
        await self._running.aclose()

    async def restart_bot(self) -> None:
        await self.stop_bot()
        await self.start_bot()

    async def slash(self, command: str, *, user: User | None = None, **options: Any) -> Interaction:
        return await self.discord.slash(user or self.ada, self.channel, command, **options)

    async def click(self, message: Message, label: str, *, user: User | None = None) -> Interaction:
        """Press a button by its words. Raises as `Message.button` and `Actors.click` do."""
        button = message.button(label).custom_id
        assert button
        return await self.discord.click(user or self.ada, message, button)

    async def clone(self, remote: GitRemote) -> str:
        """Clone its repository `api` into a workspace; the workspace's path."""
        cloning = await self.slash("workspace clone", repo_url=f"{remote.url}/owner/api.git")
        await cloning.shows("api · main", RUN_S)
        return f"{self.root}/workspaces/api"

    async def spawn(self, task: str, **options: Any) -> Channel:
        """The thread of a new run."""
        before = {thread.id for thread in self.discord.threads(self.channel)}
        await self.slash("spawn", task=task, **options)
        return await self.new_thread(before)

    async def new_thread(self, before: set[int]) -> Channel:
        def opened() -> Channel | None:
            return next((each for each in self.discord.threads(self.channel) if each.id not in before), None)

        thread = await self.discord.wait_for(opened, RUN_S)
        assert thread
        return thread

    async def end_of(self, thread: Channel) -> Message:
        """The message that ends a run's thread."""
        return await self.discord.message_in(thread, lambda message: "⏱️ " in message.content, RUN_S)

    async def name_of(self, thread: Channel) -> str:
        name = await self.bot.store.run_of(thread.id)
        assert name
        return name

    async def answer(self, command: str, *, user: User | None = None, within: float = RUN_S, **options: Any) -> Message:
        """What a command answers."""
        interaction = await self.slash(command, user=user, **options)
        return await interaction.reply(within)

    async def offered(self, command: str, option: str, typed: str) -> list[str]:
        """What is offered while somebody types, who types on where the host did not tell it in time."""
        async with asyncio.timeout(RUN_S):
            while not (found := await self.discord.autocomplete(self.ada, self.channel, command, option, typed)):
                await asyncio.sleep(0.05)
        return [str(choice.value) for choice in found]

    def asked(self) -> Any:
        """What the model was asked last, by the side questions of a CLI aside."""
        return next(request.body for request in reversed(self.model.requests) if request.is_work)

    async def ended(self, name: str) -> None:
        """Wait until a run's container has ended. `docker wait` would fail where it was removed already."""
        await until((self.root / "runs" / name / "docker.json").exists)

    async def end_sleep(self, name: str) -> None:
        """End the command of `scenario:sleep` in a run: the agent has worked for as long as a test needs."""
        async with asyncio.timeout(RUN_S):
            while True:
                listed = [line.split() for line in (await docker("top", name, "-eo", "pid,comm")).splitlines()[1:]]
                if found := [int(pid) for pid, program, *_ in listed if program == "sleep"]:
                    os.kill(found[0], signal.SIGTERM)
                    return
                await asyncio.sleep(0.05)

    async def containers(self) -> list[dict[str, Any]]:
        """This scene's agents' containers as `docker inspect` shows them."""
        labels = ("--filter", f"label={LABEL_ROOT}={self.root}", "--filter", f"label={LABEL_RUN}")
        while True:
            names = (await docker("ps", "-aq", "--no-trunc", *labels)).split()
            try:
                return json.loads(await docker("inspect", *names)) if names else []
            except RuntimeError as error:
                # The keeper removed one between the two.
                if "No such" not in str(error):
                    raise

    async def gone(self, name: str) -> None:
        """Wait until a container is removed."""
        async with asyncio.timeout(RUN_S):
            while name in (await docker("ps", "--all", "--format", "{{.Names}}")).split():
                await asyncio.sleep(0.05)

    def run_directories(self) -> list[str]:
        runs = self.root / "runs"
        return sorted(path.name for path in runs.iterdir()) if runs.is_dir() else []

    async def container(self) -> dict[str, Any]:
        """The only one."""
        (found,) = await self.containers()
        return found

    async def leaves_nothing(self) -> bool:
        """Whether there is no container, no run directory and no thread."""
        return not await self.containers() and not self.run_directories() and not self.discord.threads(self.channel)

    async def clear(self) -> None:
        """End what runs, then the keeper and the bot."""
        try:
            if self._bot is None:
                await self.start_bot()
            await self.bot.crew.runs.stop_keeper()
            for container in await self.containers():
                await remove(container["Id"])
            if not is_lent(self.root):
                await self.bot.crew.gateway.remove()
        finally:
            await self.stop_bot()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what shows nowhere in Discord."""
    async with asyncio.timeout(RUN_S):
        while not holds():
            await asyncio.sleep(0.05)


async def remove(container_id: str) -> None:
    """Remove a container; a keeper's own removal of it may be under way."""
    try:
        await docker("rm", "--force", "--volumes", container_id)
    except RuntimeError as error:
        if "already in progress" not in str(error) and "No such container" not in str(error):
            raise


async def docker(*words: str) -> str:
    """The output of a docker command. Raises RuntimeError when it fails."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("docker", *words, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(60):
        output, error = await process.communicate()
    if process.returncode:
        raise RuntimeError(error.decode())
    return output.decode()


@asynccontextmanager
async def opened(
    ground: Ground, *, image_ready: bool = True, granted_intents: int = MESSAGE_CONTENT, **settings: Any
) -> AsyncGenerator[Scene]:
    """A scene with the bot ready, and the image unless told otherwise.

    At its end nothing is left, and neither side did anything wrong.
    """
    with short_directory() as root, capture_logs() as logged, no_unhandled_errors():
        async with StandIn(granted_intents=granted_intents) as discord:
            scene = Scene(ground, discord, root, settings)
            if image_ready:
                lend(ground.gateway, root)
            scene.logged = logged
            await asyncio.to_thread(seed, scene.workspace)
            try:
                await scene.start_bot()
                if image_ready:
                    await scene.bot.crew.image.ensure(_silent)
                    await scene.bot.crew.gateway.ensure(_silent)
                    await scene.bot.crew.gateway.renew()
                yield scene
            finally:
                # pytest shows these when the test fails.
                sys.stdout.writelines(f"{each}\n" for each in logged)
                rooms = discord.world.channels.values()
                sys.stdout.writelines(f"#{each.name}\n{discord.transcript(each)}\n" for each in rooms)
                await scene.clear()
            assert [str(each) for each in discord.violations] == []
            assert [str(each) for each in discord.own_violations] == []
            assert [each for each in logged if each["event"] in {"command failed", "feed failed"}] == []


async def _silent(_text: str) -> None:
    return


@contextlib.contextmanager
def short_directory() -> Generator[Path]:
    """A directory whose path leaves room for a socket's (108 bytes, unix(7)); agents' files in it are not ours."""
    directory = tempfile.mkdtemp(prefix="agentflow-")
    try:
        yield Path(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def no_unhandled_errors() -> Generator[None]:
    """Fails when a task or callback of this time raised what nobody took."""
    loop, found = asyncio.get_running_loop(), list[dict[str, Any]]()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: found.append(context))
    try:
        yield
    finally:
        loop.set_exception_handler(before)
    assert found == [], found
