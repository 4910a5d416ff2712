"""The bot's own image and its systemd unit: built, run and checked as they would be on a server."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

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
UNIT = REPOSITORY / "deploy" / "agentflow.service"
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


@pytest.fixture(scope="session")
async def systemd_image(bot_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The bot's image with systemd's tools, and the bot where the unit expects it."""
    context = tmp_path_factory.mktemp("systemd-image")
    (context / "Dockerfile").write_text(
        f"FROM {bot_image}\nUSER root\n"
        "RUN apt-get update && apt-get install --yes --no-install-recommends systemd\n"
        "RUN mkdir -p /opt/agentflow-bot/.venv && ln -s /opt/agentflow/bin /opt/agentflow-bot/.venv/bin\n"
    )
    await _build(context, f"{IMAGE}-systemd")
    return f"{IMAGE}-systemd"


@asynccontextmanager
async def running(
    image: str, scene: Scene, ground: Ground, *options: str, argv: Sequence[str] = ()
) -> AsyncGenerator[str]:
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
                *options, image, *argv,
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
async def test_docker_tells_how_it_is_and_it_ends_when_told_to(bot_image: str, scene: Scene, ground: Ground) -> None:
    async with running(bot_image, scene, ground) as container:
        await _is(container, "healthy")
        async with scene.discord.outage():
            await _is(container, "unhealthy")
        await _is(container, "healthy")
        assert await _stopped(container) == ["0", "agentflow"]


@pytest.mark.timeout(600)
async def test_it_works_with_what_the_unit_leaves_it(
    bot_image: str, systemd_image: str, scene: Scene, ground: Ground, tmp_path: Path
) -> None:
    """Another system call than the unit's filter lets through ends it, memory that is made executable is refused."""
    sets = await docker("run", "--rm", "--entrypoint", "systemd-analyze", systemd_image, "--no-pager", "syscall-filter")
    (tmp_path / "filter.json").write_text(json.dumps(_filter(UNIT.read_text(), sets)))
    confined = (
        "import ctypes, os; assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0;"
        "os.execvp('agentflow', ['agentflow', 'bot'])"
    )
    options = ("--security-opt", f"seccomp={tmp_path / 'filter.json'}", "--security-opt", "no-new-privileges")
    entry = ("--entrypoint", "python3")
    with pytest.raises(RuntimeError):
        await docker("run", "--rm", *options, *entry, bot_image, "-c", "import os; os.nice(1)")
    async with running(bot_image, scene, ground, *options, *entry, argv=("-c", confined)) as container:
        await _is(container, "healthy")
        assert await _stopped(container) == ["0", "agentflow"]


def _filter(unit: str, listed: str) -> dict[str, Any]:
    """The unit's SystemCallFilter= as Docker takes it; the sets are those of `systemd-analyze syscall-filter`."""
    sets, current = dict[str, list[str]](), ""
    for line in listed.splitlines():
        if line.startswith("@"):
            current = line.strip()
            sets[current] = []
        elif current and line.startswith(" ") and not line.strip().startswith("#"):
            sets[current].append(line.strip())

    def members(name: str) -> set[str]:
        return {each for part in sets[name] for each in members(part)} if name.startswith("@") else {name}

    allowed = members("@default")
    for value in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        meant = {each for part in value.lstrip("~").split() for each in members(part)}
        allowed = allowed - meant if value.startswith("~") else allowed | meant
    assert 100 < len(allowed) < 400
    assert "mount" not in allowed
    return {
        "defaultAction": "SCMP_ACT_KILL_PROCESS",
        "syscalls": [{"names": sorted(allowed), "action": "SCMP_ACT_ALLOW"}],
    }


async def _stopped(container: str) -> list[str]:
    await docker("stop", "--time", "30", container)
    return (await docker("inspect", "--format", "{{.State.ExitCode}} {{.Config.User}}", container)).split()


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


async def test_systemd_takes_the_unit_and_finds_little_exposed(systemd_image: str) -> None:
    where = "/etc/systemd/system/agentflow.service"
    start = ("run", "--rm", "--network", "none", "--volume", f"{UNIT}:{where}:ro", "--entrypoint", "sh", systemd_image)
    assert await docker(*start, "-c", f"systemd-analyze verify --man=no {where} 2>&1") == ""
    # Ends with another code than 0 above the threshold: 0.0 is nothing, 10.0 all.
    exposed = f"systemd-analyze security --offline=true --threshold=20 --no-pager {where}"
    assert "agentflow.service: 1." in await docker(*start, "-c", exposed)
