"""What every test on real parts stands on: an engine, a real sshd and the agent image, made once a session."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadfile import LoadFileScheduling  # pyright: ignore[reportMissingTypeStubs]  it has none

from tests.agent_image import ensure_image
from tests.host_figures import proc, variable
from tests.login import login
from tests.shared_gateway import shared_gateway
from tests.vps.git_remote import GitRemote, git_remote
from vps.config import HostConfig
from vps.testing.engine import engine
from vps.testing.sshd import Sshd, generate_key, sshd

# A busy machine leaves a test without a CPU for longer than Hypothesis lets an example take: 0.2 s, if nobody says so.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# A shell that started this in the background has Ctrl-C ignored, also by every program that is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A test that has the log written somewhere takes that place with it when it ends."""
    yield
    structlog.reset_defaults()


class ByFile(LoadFileScheduling):
    """A file's tests share fixtures, so one worker has them all; the red team's files share addresses of the host besides."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "tests/redteam" if file.startswith("tests/redteam/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """How tests are given to workers."""
    return ByFile(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """On CI nothing is skipped: a part that is missing there is a fault of the set-up."""
    if report.skipped and os.environ.get("AGENTFLOW_NO_SKIPS"):
        report.outcome = "failed"


@pytest.fixture(scope="session")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests' hosts say of themselves."""
    return proc(tmp_path_factory.mktemp("figures") / "proc")


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory, figures: Path) -> AsyncIterator[Sshd]:
    directory = tmp_path_factory.mktemp("sshd")
    public = await asyncio.to_thread(generate_key, directory / "login_key")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(engine(print))
        options = {"SetEnv": variable(figures)}
        yield await stack.enter_async_context(sshd(directory, authorized_key=public, say=print, options=options))


@pytest.fixture(scope="session")
def host_config(server: Sshd) -> HostConfig:
    return login(server, server.known_hosts.parent / "login_key")


@pytest.fixture(scope="session")
async def image(host_config: HostConfig) -> str:
    return await ensure_image(host_config)


@pytest.fixture(scope="session")
async def gateway(host_config: HostConfig, image: str) -> AsyncIterator[Path | None]:
    """The one that roots share. A module whose tests do something to the gateway has a fixture of this name that is None."""
    async with shared_gateway(host_config, image) as shared:
        yield shared


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[GitRemote]:
    """Without a repository yet."""
    async with git_remote(tmp_path / "remotes") as served:
        yield served


@pytest.fixture
def user(request: pytest.FixtureRequest) -> Iterator[str]:
    """A user of the host for one test; `request.param` are its further groups."""
    name = f"aflow-{secrets.token_hex(3)}"
    groups = ["--groups", ",".join(request.param)] if request.param else []
    # Not the next free uid: that may be the agents' own, which is refused.
    subprocess.run(
        [
            "useradd",
            "--uid",
            str(20_000 + secrets.randbelow(20_000)),
            "--create-home",
            "--shell",
            "/bin/bash",
            *groups,
            name,
        ],
        check=True,
    )
    yield name
    subprocess.run(["userdel", "--force", "--remove", name], check=True, capture_output=True)
