"""A host of the tests' own: a real sshd, a scripted model, a root directory; and `agentflow` as a process against it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents.config import Settings, load
from tests.agent_image import IMAGE
from tests.host_figures import variable
from vps.host.layout import LABEL_ROOT
from vps.testing.model import ScriptedModel
from vps.testing.sshd import Sshd, generate_key, sshd

KEY = "sk-ant-agents-tests-0123456789abcdef"
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Station:
    """Where `agentflow` is called: its settings, and the host behind them."""

    server: Sshd
    root: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def settings(self) -> Settings:
        return load(self.environ, dotenv=None)

    async def agentflow(self, *argv: str, stdin: bytes = b"", timeout: float = 280, **changed: str) -> Finished:
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(self.root.parent)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *argv,
            cwd=self.root.parent, env=environ | self.environ | changed,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                out, err = await process.communicate(stdin)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Finished(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def place() -> Iterator[Path]:
    # A short path: UNIX sockets below it may have 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="aflow-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def environ(server: Sshd, key: Path, model: ScriptedModel, root: Path) -> dict[str, str]:
    """The settings of a control plane of that host."""
    return {
        "HETZNER_SERVER_IP": server.address,
        "HETZNER_SSH_PORT": str(server.port),
        "HETZNER_SSH_USER": server.users[0],
        "HETZNER_SSH_KEY": str(key),
        "HETZNER_KNOWN_HOSTS": str(server.known_hosts),
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": model.url,
        "AGENTFLOW_ROOT": str(root),
        "AGENTFLOW_IDLE_S": "0",
        "AGENTFLOW_IMAGE": IMAGE,
    }


@pytest.fixture
async def station(place: Path, figures: Path) -> AsyncIterator[Station]:
    key, options = place / "key", {"SetEnv": variable(figures)}
    async with (
        sshd(place / "sshd", authorized_key=generate_key(key), say=print, options=options) as server,
        ScriptedModel(api_key=SecretStr(KEY)) as model,
    ):
        yield Station(server, place / "root", environ(server, key, model, place / "root"))


@pytest.fixture
async def docked(station: Station, image: str) -> AsyncIterator[Station]:
    """The same with a Docker engine and the agent image. No container of it is left, the gateway's included."""
    assert image == IMAGE
    yield station
    (station.root / "gateway/start.json").unlink(missing_ok=True)  # or the keeper would start it again
    listed = await _docker("ps", "--all", "--quiet", "--filter", f"label={LABEL_ROOT}={station.root}")
    if listed:
        await _docker("rm", "--force", "--volumes", *listed.split())


async def _docker(*words: str) -> str:
    process = await asyncio.create_subprocess_exec("docker", *words, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    return out.decode()
