"""What ends a container besides its agent is told as what it was; what is left over of ours is removed, and nothing else."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.demo.stage import seed
from tests.conftest import IMAGE
from tests.vps.conftest import Machine
from vps.config import HostConfig
from vps.host.layout import LABEL_ROOT, LABEL_RUN
from vps.outcome import Ending
from vps.provision import provision
from vps.relay import Relay
from vps.ssh import SshHost
from vps.testing.model import ScriptedModel
from vps.testing.packages import find_program
from vps.testing.sshd import generate_key, sshd

READY_S = 60.0


class OwnEngine:
    """A Docker engine besides the machine's, which may be stopped and started."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "docker.sock"
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        state = [("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid")]
        places = [f"--{option}={self._directory / name}" for option, name in state]
        names = [
            f"--containerd-namespace={self._directory.name}",
            f"--containerd-plugins-namespace={self._directory.name}.p",
        ]
        program = find_program("dockerd")
        # In a network of its own: its bridge has the name of the machine's.
        with (self._directory / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("unshare", "--net", str(program), f"--host=unix://{self.socket}", "--iptables=false", *places, *names),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        async with asyncio.timeout(READY_S):
            while await self._docker("version") != 0:
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            async with asyncio.timeout(READY_S):
                await process.wait()

    async def load(self, image: str) -> None:
        """Take an image over from the machine's engine."""
        tar = self._directory / "image.tar"
        assert await _succeeds("docker", "save", "--output", str(tar), image)
        assert await self._docker("load", "--input", str(tar)) == 0
        tar.unlink()

    async def _docker(self, *words: str) -> int:
        return 0 if await _succeeds("docker", "--host", f"unix://{self.socket}", *words) else 1


async def _succeeds(*argv: str) -> bool:
    null = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*argv, stdin=null, stdout=null, stderr=null)
    return await process.wait() == 0


@pytest.fixture
async def own_engine(image: str) -> AsyncIterator[OwnEngine]:
    # Not below pytest's own directory: only its owner may enter that, and agents work as another user.
    directory = Path(tempfile.mkdtemp(prefix="aflow", dir="/tmp"))
    directory.chmod(0o755)
    engine = OwnEngine(directory)
    try:
        await engine.start()
        await engine.load(image)
        yield engine
    finally:
        await engine.stop()
        assert await _succeeds("rm", "-rf", str(directory))


@pytest.fixture
async def its_machine(own_engine: OwnEngine, model: ScriptedModel) -> AsyncIterator[Machine]:
    """A machine whose Docker is that one."""
    place = own_engine.socket.parent
    seed(place / "root" / "workspace")
    async with AsyncExitStack() as stack:
        public = generate_key(place / "key")
        options = {"SetEnv": f"DOCKER_HOST=unix://{own_engine.socket}"}
        server = await stack.enter_async_context(
            sshd(place / "sshd", authorized_key=public, say=print, options=options)
        )
        config = HostConfig(
            address=server.address,
            port=server.port,
            user=server.users[0],
            key=place / "key",
            known_hosts=server.known_hosts,
        )
        host = await stack.enter_async_context(SshHost(config))
        library = await provision(host, str(place / "root"))
        relay = await stack.enter_async_context(Relay(host, library, str(place / "root")))
        found = Machine(place / "root", host, library, model, relay)
        stack.push_async_callback(found.close)
        yield found


async def test_a_docker_that_is_restarted_is_told_as_the_cause(its_machine: Machine, own_engine: OwnEngine) -> None:
    name = await its_machine.start("scenario:sleep:300")
    await its_machine.seen(name, b"This takes a while.")
    await own_engine.stop()
    await own_engine.start()

    ended = await its_machine.ended(name)
    assert ended.outcome.ending is Ending.STOPPED, ended.outcome
    assert ended.outcome.reason == "Docker was stopped or restarted on the VPS."
    assert (await its_machine.run("scenario:ok")).outcome.ending is Ending.SUCCEEDED


async def test_a_machine_that_was_restarted_is_told_as_the_cause(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:300")
    await machine.seen(name, b"This takes a while.")
    # Nothing else of a restart can be had here: the run was begun in another life of the machine.
    record = machine.root / "runs" / name / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"boot_id": "another"}))
    await machine.docker("kill", name)

    ended = await machine.ended(name)
    assert ended.outcome.ending is Ending.STOPPED
    assert ended.outcome.reason == "The VPS was restarted."


async def test_a_container_of_ours_without_a_run_is_removed_and_no_other_one(machine: Machine, image: str) -> None:
    assert image == IMAGE
    orphan, foreign, by_hand = (f"claude-agent-179500000000{number}-abcdef" for number in range(3))
    idle = (IMAGE, "sleep", "300")
    await machine.docker("run", "--detach", "--name", orphan, "--label", f"{LABEL_ROOT}={machine.root}",
                         "--label", f"{LABEL_RUN}={orphan}", *idle)  # fmt: skip
    await machine.docker("run", "--detach", "--name", foreign, "--label", f"{LABEL_ROOT}=/elsewhere",
                         "--label", f"{LABEL_RUN}={foreign}", *idle)  # fmt: skip
    await machine.docker("run", "--detach", "--name", by_hand, *idle)
    try:
        await machine.run("scenario:sleep:3")
        running = await machine.docker("ps", "--format", "{{.Names}}")
        assert (orphan in running, foreign in running, by_hand in running) == (False, True, True)
    finally:
        await machine.docker("rm", "--force", orphan, foreign, by_hand)
