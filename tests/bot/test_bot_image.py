"""The bot's own image and its systemd unit: built, run and checked as they would be on a server."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.bot_process import empty_scene, environ
from tests.bot.scene import Ground, Scene, docker, remove
from tests.chaos.bot import REPOSITORY
from vps.base_image import obtain_base
from vps.config import HostConfig
from vps.image import certificates
from vps.ssh import SshHost

IMAGE = "agentflow-bot:tests"
SECRET = "not-for-any-layer-0123456789"
BUILD_S = 280
TURN_S = 90.0

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a key to the container's user")


@pytest.fixture(scope="session")
async def bot_image(host_config: HostConfig, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Built on what the agent image is built on, from a checkout in which a person keeps a .env."""
    async with SshHost(host_config) as host:
        base = await obtain_base(host, None, "/tmp/agentflow-tests", _say)
    context = tmp_path_factory.mktemp("bot-image")
    await asyncio.to_thread(_check_out, context)
    await _build(context, IMAGE, "--file", str(context / "deploy/Dockerfile"), "--build-arg", f"BASE_IMAGE={base}")
    return IMAGE


def _check_out(context: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    new = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, check=True
    ).stdout
    for name in filter(None, (listed + new).decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, context / name)
    (context / ".env").write_text(f"DISCORD_BOT_TOKEN={SECRET}\n")
    trusted = [path.read_bytes() for path in sorted(Path("/usr/local/share/ca-certificates").rglob("*.crt"))]
    (context / "deploy/host-ca.crt").write_bytes(certificates(b"\n".join(trusted)))


async def _build(context: Path, tag: str, *options: str) -> None:
    argv = ("docker", "build", "--network", "host", "--force-rm", "--tag", tag, *options, str(context))
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(BUILD_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")[-3000:]


async def _say(text: str) -> None:
    print(f"base: {text}")


@pytest.fixture
async def scene(ground: Ground) -> AsyncIterator[Scene]:
    async with empty_scene(ground) as made:
        yield made


@pytest.fixture
async def container(bot_image: str, scene: Scene, ground: Ground) -> AsyncIterator[str]:
    """The bot in its container on the scene's settings; looked at every second, trouble from the first second on."""
    name = f"agentflow-bot-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="agentflow-", dir="/tmp") as given:
        for path, target in ((ground.key, "key"), (ground.server.known_hosts, "known_hosts")):
            shutil.copy(path, Path(given, target))
            os.chown(Path(given, target), 10001, 10001)
        Path(given).chmod(0o755)
        settings = environ(scene.settings) | {
            "HETZNER_SSH_KEY": "/run/agentflow/key",
            "HETZNER_KNOWN_HOSTS": "/run/agentflow/known_hosts",
            "HETZNER_SSH_USER": getpass.getuser(),
            "AGENTFLOW_STATE_DIR": "",
        }
        Path(given, "env").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        try:
            await docker(
                "run", "--detach", "--name", name, "--network", "host", "--read-only", "--cap-drop", "ALL",
                "--env-file", f"{given}/env", "--volume", f"{given}:/run/agentflow:ro",
                "--health-cmd", "agentflow health --gateway 1s", "--health-interval", "1s", "--health-retries", "1",
                bot_image,
            )  # fmt: skip
            yield name
        finally:
            print(await docker("logs", name))
            await remove(name)


async def _is(name: str, wanted: str) -> None:
    seen = ""
    try:
        async with asyncio.timeout(TURN_S):
            while (seen := (await docker("inspect", "--format", "{{.State.Health.Status}}", name)).strip()) != wanted:
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        log = await docker("inspect", "--format", "{{json .State.Health.Log}}", name)
        raise AssertionError(f"{name} is {seen}, not {wanted}: {log}") from error


@pytest.mark.timeout(600)
async def test_docker_tells_how_it_is_and_it_ends_when_told_to(container: str, scene: Scene) -> None:
    await scene.discord.connected(TURN_S)
    await _is(container, "healthy")
    async with scene.discord.outage():
        await _is(container, "unhealthy")
    await _is(container, "healthy")
    await docker("stop", "--time", "30", container)
    ended = await docker("inspect", "--format", "{{.State.ExitCode}} {{.Config.User}}", container)
    assert ended.split() == ["0", "agentflow"]


async def test_no_layer_has_a_secret_of_the_checkout(bot_image: str) -> None:
    process = await asyncio.create_subprocess_exec("docker", "save", bot_image, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    size, rest = 0, b""
    while chunk := await process.stdout.read(1 << 20):
        assert SECRET.encode() not in rest + chunk
        size, rest = size + len(chunk), chunk[-len(SECRET) :]
    assert await process.wait() == 0
    assert size > 50 << 20


async def test_what_the_host_needs_is_in_the_package(bot_image: str) -> None:
    look = (
        "from vps.image import sources; from vps.provision import _archive; from importlib import resources;"
        "assert 'Dockerfile.claude-code' in sources() and len(sources()) > 1; assert len(_archive()[0]) > 100_000;"
        "assert resources.files('vps.host').joinpath('make_base.sh').is_file(); print('whole')"
    )
    run = ("run", "--rm", "--network", "none", "--entrypoint", "python3", bot_image, "-c", look)
    assert await docker(*run) == "whole\n"


async def test_the_pins_are_the_ones_that_are_tested() -> None:
    everything = _pins(REPOSITORY / "requirements.txt")
    for name in ("requirements.txt", "build-requirements.txt"):
        assert _pins(REPOSITORY / "deploy" / name) <= everything


def _pins(path: Path) -> set[str]:
    return {line.split(" ;")[0].rstrip(" \\") for line in path.read_text().splitlines() if line[:1].isalnum()}


@pytest.mark.timeout(600)
async def test_systemd_takes_the_unit_and_finds_little_exposed(bot_image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {bot_image}\nUSER root\n"
        "RUN apt-get update && apt-get install --yes --no-install-recommends systemd\n"
        "RUN mkdir -p /opt/agentflow-bot/.venv && ln -s /opt/agentflow/bin /opt/agentflow-bot/.venv/bin\n"
    )
    checked = f"{IMAGE}-systemd"
    await _build(tmp_path, checked)
    unit = REPOSITORY / "deploy" / "agentflow.service"
    start = ("run", "--rm", "--network", "none", "--volume", f"{unit}:/etc/systemd/system/agentflow.service:ro")
    verify = "systemd-analyze verify --man=no /etc/systemd/system/agentflow.service 2>&1"
    assert await docker(*start, "--entrypoint", "sh", checked, "-c", verify) == ""
    exposed = "systemd-analyze security --offline=true --threshold=20 --no-pager /etc/systemd/system/agentflow.service"
    assert "OK" in await docker(*start, "--entrypoint", "sh", checked, "-c", exposed)
