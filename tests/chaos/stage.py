"""What is broken: a stand-in for Discord, a real sshd behind a link, the bot as a process, and agents that count."""

from __future__ import annotations

import asyncio
import getpass
import itertools
import random
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.demo.stage import seed
from tests.chaos import real
from tests.chaos.agents import ScriptedAgent, numbers
from tests.chaos.bot import BotProcess
from tests.chaos.link import Link, link
from tests.chaos.real import RealAgent
from tests.discord_standin import Channel, Message, StandIn
from tests.host_figures import proc, variable
from tests.own_engine import OwnEngine, own_engine
from vps.host import keeper
from vps.models import Origin
from vps.testing.engine import engine
from vps.testing.model import ScriptedModel
from vps.testing.sshd import Sshd, generate_key, sshd

READY_S = 120.0
Agent = ScriptedAgent | RealAgent
_KEY = SecretStr("sk-ant-chaos-0123456789abcdef")
_END = "⏱️ "
"""Stands in the message that ends a run, and in no other."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a thread holds of its agent's script."""

    lost: int
    repeated: int
    out_of_order: int

    @property
    def right(self) -> bool:
        return (self.lost, self.repeated, self.out_of_order) == (0, 0, 0)


class Stage:
    """All of it, running."""

    def __init__(
        self,
        root: Path,
        state: Path,
        server: Sshd,
        way: Link,
        discord: StandIn,
        bot: BotProcess,
        engine: OwnEngine | None,
    ) -> None:
        self.root = root
        self.state = state
        self.server = server
        self.link = way
        self.discord = discord
        self.bot = bot
        self.engine = engine
        """Of the real agents, where there are any."""
        self.channel = discord.world.channel(int(bot.setting("DISCORD_CHANNEL_ID")))
        self.agents = list[Agent]()
        self._writing = set[asyncio.Task[None]]()

    async def start_bot(self) -> None:
        """Start it, and wait until it is connected to Discord."""
        before = self.discord.gateway.identifies
        await self.bot.start()
        try:
            await self.discord.wait_for(lambda: self.discord.gateway.identifies > before, READY_S)
        except TimeoutError as error:
            raise AssertionError(f"the bot did not come up:\n{self.bot.tail()}") from error

    def start_agent(self, lines: int, pause_s: float, chance: random.Random) -> ScriptedAgent:
        """One more that counts."""
        agent = ScriptedAgent(self.root, len(self.agents) + 1, lines, pause_s, random.Random(chance.random()))
        return self._begun(agent)

    def start_anchored_agent(self, lines: int, pause_s: float, chance: random.Random) -> ScriptedAgent:
        """One more that counts, with the anchor that a `/spawn` leaves for its thread."""
        world = self.discord.world
        anchor = world.create_message(self.channel, world.bot, {"content": "🚀"})
        origin = Origin(
            caller=f"discord:{world.owner.id}",
            surface="discord",
            guild_id=world.guild_id,
            channel_id=self.channel.id,
            thread_id=anchor.id,
        )
        number, own = len(self.agents) + 1, random.Random(chance.random())
        return self._begun(ScriptedAgent(self.root, number, lines, pause_s, own, origin))

    def _begun(self, agent: ScriptedAgent) -> ScriptedAgent:
        agent.prepare()
        self._add(agent)
        return agent

    async def start_real_agent(self) -> RealAgent:
        """One more that counts, in a container."""
        agent = await real.spawn(self.bot.environ, self.root, len(self.agents) + 1)
        self._add(agent)
        return agent

    def _add(self, agent: Agent) -> None:
        self.agents.append(agent)
        task = asyncio.create_task(agent.run(), name=agent.name)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    @property
    def writing(self) -> int:
        """How many agents have not ended."""
        return len(self._writing)

    async def all_written(self) -> None:
        """Until every agent has said all it has to say."""
        await asyncio.gather(*self._writing)

    def thread(self, agent: Agent) -> Channel | None:
        """The only one of an agent. A second one is a fault of its own."""
        found = [thread for thread in self.discord.threads(self.channel) if thread.name == agent.task]
        assert len(found) <= 1, f"{agent.name} has {len(found)} threads"
        return found[0] if found else None

    def shown(self, agent: Agent) -> list[int]:
        """The lines its thread holds, as they stand there."""
        thread = self.thread(agent)
        return [] if thread is None else [line for each in self.discord.messages(thread) for line in _lines(each)]

    def ended(self, agent: Agent) -> bool:
        """Whether its thread tells its end."""
        thread = self.thread(agent)
        return thread is not None and self._ends(thread) > 0

    def _ends(self, thread: Channel) -> int:
        return sum(_END in each.content for each in self.discord.messages(thread))

    def told(self, agent: Agent) -> Told:
        """Its thread beside its script. Its end counts as a line."""
        shown = self.shown(agent)
        thread = self.thread(agent)
        ends = self._ends(thread) if thread else 0
        lost = len(set(range(1, agent.lines + 1)) - set(shown)) + (ends == 0)
        repeated = len(shown) - len(set(shown)) + max(0, ends - 1)
        return Told(lost, repeated, sum(after < before for before, after in itertools.pairwise(shown)))


def _lines(message: Message) -> list[int]:
    packed = [each for each in message.attachments if each.filename.startswith("messages-")]
    texts = [each.data.decode() for each in packed] or [message.content]
    return [line for text in texts for line in numbers(text)]


@asynccontextmanager
async def stage(image: str | None = None) -> AsyncGenerator[Stage]:
    """Everything for the length of the block, on a state directory of 8 MiB that can be filled.

    With an agent `image` of the machine's engine, real agents can be started: on an engine of the stage's own.
    """
    directory = Path(tempfile.mkdtemp(prefix="aflow-chaos-", dir="/tmp"))
    state = directory / "state"
    state.mkdir()
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(state)], check=True)
        stack.callback(subprocess.run, ["umount", "--lazy", str(state)], check=True)
        await stack.enter_async_context(engine(print))
        own = await stack.enter_async_context(own_engine(image)) if image else None
        figures = variable(proc(directory / "proc"))
        options = {"SetEnv": f"DOCKER_HOST=unix://{own.socket} {figures}" if own else figures}
        key = directory / "key"
        server = await stack.enter_async_context(
            sshd(directory / "sshd", authorized_key=generate_key(key), say=print, options=options)
        )
        way = await stack.enter_async_context(link(server.port))
        known = directory / "known_hosts"
        known.write_text(f"[127.0.0.1]:{way.port} {server.host_key_line.partition(' ')[2]}\n")
        discord = await stack.enter_async_context(StandIn())
        discord.limits.allowed, discord.limits.per_seconds, discord.limits.everywhere = 5, 5.0, 50
        root = directory / "root"
        (root / "runs").mkdir(parents=True)
        seed(root / "workspace")
        model = await stack.enter_async_context(ScriptedModel(api_key=_KEY))
        environ = {
            "DISCORD_BOT_TOKEN": discord.token,
            "DISCORD_GUILD_ID": str(discord.world.guild_id),
            "DISCORD_CHANNEL_ID": str(discord.world.add_channel("agents").id),
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
            "HETZNER_SERVER_IP": "127.0.0.1",
            "HETZNER_SSH_USER": getpass.getuser(),
            "HETZNER_SSH_PORT": str(way.port),
            "HETZNER_SSH_KEY": str(key),
            "HETZNER_KNOWN_HOSTS": str(known),
            "ANTHROPIC_API_KEY": _KEY.get_secret_value(),
            "ANTHROPIC_BASE_URL": model.url,
            "AGENTFLOW_IMAGE": image or "agentflow-claude-code:latest",
            "AGENTFLOW_ROOT": str(root),
            "AGENTFLOW_STATE_DIR": str(state),
            "AGENTFLOW_IDLE_S": "0",
        }
        bot = BotProcess(environ, directory / "bot.log")
        stack.push_async_callback(bot.kill)
        made = Stage(root, state, server, way, discord, bot, own)
        stack.push_async_callback(_stop_keeper, root)
        await made.start_bot()
        yield made


async def _stop_keeper(root: Path) -> None:
    if (root / "keeper.lock").exists():
        await asyncio.to_thread(keeper.stop, str(root))
