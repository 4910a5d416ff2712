"""Real parts for the tests of the machine: sshd, Docker with the agent image, the CLI against a scripted model."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.demo.stage import seed
from tests.agent_image import IMAGE
from tests.shared_gateway import lend
from tests.vps.git_remote import TOKEN, GitRemote
from vps import hosts
from vps.commands import docker
from vps.config import AgentConfig, HostConfig
from vps.events.framing import Framer
from vps.events.parse import parse
from vps.events.types import Event
from vps.follower import End, Piece
from vps.gateway import Gateway
from vps.git_containers import GitCredential
from vps.host.layout import LABEL_ROOT
from vps.models import Limits, Origin, RunRequest, Waiting, new_name
from vps.outcome import Outcome, judge
from vps.provision import provision
from vps.relay import Relay
from vps.runs import Runs
from vps.shell import cmd
from vps.ssh import SshHost
from vps.tally import Tally
from vps.testing.model import ScriptedModel
from vps.workspaces import Workspaces

KEY = SecretStr("sk-ant-machine-tests-0123456789abcdef")
RUN_S = 240.0


@dataclass(frozen=True)
class Ended:
    """A run from its first byte to its end."""

    name: str
    data: bytes
    events: list[Event]
    end: End
    outcome: Outcome

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


class Machine:
    """A root directory of its own on this machine, reached over SSH."""

    def __init__(self, root: Path, host: SshHost, library: str, model: ScriptedModel, relay: Relay) -> None:
        self.root = root
        self.host = host
        self.library = library
        self.relay = relay
        self.workspace = root / "workspace"
        self.talk_to(model)

    def talk_to(self, model: ScriptedModel) -> None:
        """Have agents that start from now on ask this model."""
        self.model = model
        self.use()

    async def serve(self, model: ScriptedModel) -> None:
        """The same at once, for what starts without `start`."""
        self.talk_to(model)
        await self.gateway.ensure(_say)

    def use(self, **changes: Any) -> None:
        """Have agents that start from now on work with these settings."""
        self.runs = Runs(self.relay, self.config(**changes))
        self.gateway = Gateway(self.relay, self.config(**changes))

    def config(self, **changes: Any) -> AgentConfig:
        own: dict[str, Any] = {"root": str(self.root), "image": IMAGE, "api_key": KEY, "base_url": self.model.url}
        own["hosts"] = hosts.USUAL
        return AgentConfig.model_validate(own | changes)

    def workspaces_with(self, credential: GitCredential) -> Workspaces:
        """Its workspaces, as somebody with that credential uses them."""
        return Workspaces(self.relay, self.config(), credential)

    def request(self, task: str, **changes: Any) -> RunRequest:
        now = time.time()
        own: dict[str, Any] = {
            "name": new_name(round(now * 1000)),
            "session_id": str(uuid.uuid4()),
            "message_id": str(uuid.uuid4()),
            "task": task,
            "workspace": str(self.workspace),
            "limits": Limits(timeout_s=200),
            "origin": Origin(caller="operator:tests", surface="tests"),
            "created_at": now,
        }
        return RunRequest.model_validate(own | changes)

    async def start(self, task: str, **changes: Any) -> str:
        await self.gateway.ensure(_say)
        return (await self.runs.start(self.request(task, **changes))).name

    async def run(self, task: str, **changes: Any) -> Ended:
        return await self.ended(await self.start(task, **changes))

    async def ended(self, name: str, *, within_s: float = RUN_S) -> Ended:
        """Follow it from the beginning to its end."""
        pieces: list[bytes] = []
        async with asyncio.timeout(within_s):
            async for update in self.relay.follow(name):
                if isinstance(update, Piece):
                    assert update.offset == sum(map(len, pieces))
                    pieces.append(update.data)
                elif not isinstance(update, Waiting):
                    assert isinstance(update, End), update
                    return self._judged(name, b"".join(pieces), update)
        raise AssertionError

    def _judged(self, name: str, data: bytes, end: End) -> Ended:
        events = [event for framed in Framer().feed(data) for event in parse(*framed).events]
        tally = Tally()
        for event in events:
            tally.feed(event)
        return Ended(name, data, events, end, judge(tally, end.exit, end.docker))

    async def seen(self, name: str, words: bytes) -> None:
        """Wait until a run's log holds these words."""
        log = self.root / "runs" / name / "out" / "out.jsonl"
        async with asyncio.timeout(RUN_S):
            while words not in await asyncio.to_thread(log.read_bytes):
                await asyncio.sleep(0.05)

    def holding(self, secret: str) -> set[Path]:
        """The files below the root that hold a secret. Others work there meanwhile: what is gone by then holds nothing."""
        found = set[Path]()
        for directory, _, names in os.walk(self.root):
            for path in (Path(directory, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes():
                        found.add(path)
        return found

    async def docker(self, *words: str) -> str:
        done = await self.host.run(cmd("docker", words))
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    async def close(self) -> None:
        """Nothing of it stays behind."""
        await self.relay.ask("withdraw")
        listed = await self.docker("ps", "--all", "--quiet", "--filter", f"label={LABEL_ROOT}={self.root}")
        for container_id in listed.split():
            await self.host.run(docker.remove(container_id))
        await self.runs.stop_keeper()
        await asyncio.to_thread(shutil.rmtree, self.root, ignore_errors=True)


@asynccontextmanager
async def machine_at(root: Path, config: HostConfig, model: ScriptedModel) -> AsyncGenerator[Machine]:
    """That root directory with a repository to work in, reached as the user of `config` and owned by that user.

    Nothing of it is left after the block, the directory itself included.
    """
    await asyncio.to_thread(furnish, root, config.user)
    async with SshHost(config) as host:
        library = await provision(host, str(root))
        async with Relay(host, library, str(root)) as relay:
            made = Machine(root, host, library, model, relay)
            try:
                yield made
            finally:
                await made.close()


async def _say(text: str) -> None:
    print(f"gateway: {text}", flush=True)


def furnish(root: Path, owner: str) -> None:
    """Put the scratch workspace there."""
    seed(root / "workspace")
    subprocess.run(["chown", "-R", f"{owner}:", str(root)], check=True)


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(api_key=KEY) as served:
        yield served


@pytest.fixture
async def machine(
    host_config: HostConfig, image: str, model: ScriptedModel, gateway: Path | None
) -> AsyncIterator[Machine]:
    # Not below pytest's own directory: only its owner may enter that, and agents work as another user.
    root = Path(tempfile.mkdtemp(prefix="agentflow-", dir="/tmp"))
    root.chmod(0o755)
    lend(gateway, root)
    async with machine_at(root, host_config, model) as made:
        if gateway is not None:
            # Nothing of what an earlier test's model said of its credential holds.
            await made.gateway.renew()
        await made.gateway.ensure(_say)
        yield made


@pytest.fixture
def workspaces(machine: Machine, remote: GitRemote) -> Workspaces:
    """With the remote's own token."""
    return machine.workspaces_with(GitCredential(token=SecretStr(TOKEN), token_host=remote.host))
