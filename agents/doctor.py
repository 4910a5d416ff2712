"""Checks everything a run and the bot need, from the settings to the model, one finding each with its remedy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from agents import discord_account, gateway_check
from agents.config import Settings, load
from agents.trust import Standing, identify
from vps import model_url, runner
from vps.commands import docker, files, host
from vps.commands import image as image_commands
from vps.commands.gateway import name as container_name
from vps.errors import VpsError
from vps.gateway import Gateway
from vps.image import Image, State
from vps.models import HostFacts
from vps.provision import provision
from vps.relay import Relay
from vps.runs import Runs
from vps.sandbox import Sandbox
from vps.ssh import SshHost

_GIB = 1 << 30
_LOW_DISK, _LEAST_DISK = 5 * _GIB, 1 * _GIB
"""The image alone takes about 1 GiB to build (measured)."""
_LOW_MEMORY = 1 * _GIB
_SKEW_S = 30.0
"""More, and times in threads and TLS certificates begin to look wrong."""
_CHECK_S = 60.0
_APPARMOR = "/sys/kernel/security/apparmor/profiles"
"""There where it is in force."""


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    level: Level
    name: str
    text: str

    def line(self) -> str:
        """For a person."""
        return f"{self.level.value:<8}{self.name}: {self.text}"


@dataclass(frozen=True, slots=True)
class _Check:
    """`needs` are the checks that must not have failed."""

    name: str
    run: Callable[[], Awaitable[Finding]]
    needs: tuple[str, ...] = ()


def _ok(name: str, text: str) -> Finding:
    return Finding(Level.OK, name, text)


def _warn(name: str, text: str) -> Finding:
    return Finding(Level.WARN, name, text)


def _fail(name: str, text: str) -> Finding:
    return Finding(Level.FAIL, name, text)


async def examine(read: Callable[[], Settings] = load) -> AsyncIterator[Finding]:
    """Every finding as it is made; what depends on a failed check is skipped."""
    try:
        settings = read()
    except VpsError as error:
        yield _fail("settings", str(error))
        for name in ("bot", "voice", *_Examination.HOST_CHECKS):
            yield Finding(Level.SKIPPED, name, "needs settings")
        return
    async with AsyncExitStack() as stack:
        async for finding in _all(_Examination(settings, stack).checks()):
            yield Finding(finding.level, finding.name, settings.mask.text(finding.text))


async def _all(checks: list[_Check]) -> AsyncGenerator[Finding]:
    broken: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in broken]
        finding = Finding(Level.SKIPPED, check.name, f"needs {missing[0]}") if missing else await _bounded(check)
        if finding.level in (Level.FAIL, Level.SKIPPED):
            broken.add(check.name)
        yield finding


async def _bounded(check: _Check) -> Finding:
    try:
        async with asyncio.timeout(_CHECK_S):
            return await check.run()
    except VpsError as error:
        return _fail(check.name, str(error))
    except TimeoutError:
        return _fail(check.name, f"no answer within {_CHECK_S:.0f} s. Try it again.")


class _Examination:
    HOST_CHECKS = (
        "host key", "login", "python", "inotify", "relay", "docker", "sandbox", "image", "disk", "memory", "room", "clock", "model",
        "gateway",
    )  # fmt: skip

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._ssh: SshHost | None = None
        self._relay: Relay | None = None
        self._runs: Runs | None = None
        self._facts: HostFacts | None = None
        self._skew_s = 0.0

    def checks(self) -> list[_Check]:
        """In the order in which a person would repair them."""
        return [
            _Check("settings", self._check_settings),
            _Check("credential", self._check_credential),
            _Check("bot", self._check_bot),
            _Check("voice", self._check_voice),
            _Check("host key", self._check_key, ("settings",)),
            _Check("login", self._check_login, ("host key",)),
            _Check("python", self._check_python, ("login",)),
            _Check("inotify", self._check_inotify, ("login",)),
            _Check("relay", self._check_relay, ("python",)),
            _Check("docker", self._check_docker, ("login",)),
            _Check("sandbox", self._check_sandbox, ("docker",)),
            _Check("image", self._check_image, ("docker",)),
            _Check("disk", self._check_disk, ("relay",)),
            _Check("memory", self._check_memory, ("relay",)),
            _Check("room", self._check_room, ("relay",)),
            _Check("clock", self._check_clock, ("relay",)),
            _Check("model", self._check_model, ("relay",)),
            _Check("gateway", self._check_gateway, ("relay",)),
        ]

    @property
    def _host(self) -> SshHost:
        assert self._ssh is not None
        return self._ssh

    async def _check_settings(self) -> Finding:
        return _ok("settings", f"{self._settings.host}, root {self._settings.AGENTFLOW_ROOT}")

    async def _check_credential(self) -> Finding:
        self._settings.require_credential()
        name = "ANTHROPIC_API_KEY" if self._settings.ANTHROPIC_API_KEY else "CLAUDE_CODE_OAUTH_TOKEN"
        return _ok("credential", name)

    async def _check_bot(self) -> Finding:
        if self._settings.DISCORD_BOT_TOKEN is None:
            remedy = "Make a bot in Discord's developer portal."
            return _warn("bot", f"DISCORD_BOT_TOKEN is not set: only the command line works. {remedy}")
        account = await discord_account.look_up(self._settings.DISCORD_BOT_TOKEN, self._settings.DISCORD_API_URL)
        where, missing = f"invite it with {account.invite_url}", list[str]()
        if self._settings.DISCORD_CHANNEL_ID is None:
            missing.append(
                "DISCORD_CHANNEL_ID is not set: runs from the command line get no thread. Set it to a channel's id."
            )
        if not account.reads_messages:
            remedy = "Turn on Message Content Intent under Bot in Discord's developer portal, then start the bot again."
            missing.append(f"The bot cannot read what people reply to agents. {remedy}")
        if missing:
            return _warn("bot", f"{account.name}; {' '.join(missing)} {where}")
        return _ok("bot", f"{account.name}, reads replies; {where}")

    async def _check_voice(self) -> Finding:
        from agents.voice import check as voice_check  # noqa: PLC0415  no other verb has to wait for the SDK to be read

        state, text = await voice_check.examine(self._settings)
        levels = {voice_check.State.DRIFTED: Level.WARN, voice_check.State.BROKEN: Level.FAIL}
        return Finding(levels.get(state, Level.OK), "voice", text)

    async def _check_key(self) -> Finding:
        identity = await identify(self._settings.host)
        if identity.standing is Standing.CHANGED:
            text = f"changed from {', '.join(identity.before)} to {identity.fingerprint}."
            return _fail("host key", f"{text} Check it with the host's owner, then run `agentflow trust`.")
        if identity.standing is Standing.UNKNOWN:
            # Another type of key, a pattern or an authority may vouch for the host: the login tells.
            return _warn("host key", f"{identity.fingerprint} is not pinned as such. Run `agentflow trust`.")
        return _ok("host key", identity.fingerprint)

    async def _check_login(self) -> Finding:
        self._ssh = await self._stack.enter_async_context(SshHost(self._settings.host))
        return _ok("login", str(self._settings.host))

    async def _check_python(self) -> Finding:
        done = await self._host.run(host.python_version())
        version = tuple(map(int, done.text.split())) if done.exit_code == 0 else ()
        if version < (3, 9):
            found = ".".join(map(str, version)) or "none"
            return _fail("python", f"python3 is {found}. Install Python 3.9 or newer on the host.")
        return _ok("python", ".".join(map(str, version)))

    async def _check_inotify(self) -> Finding:
        if (await self._host.run(files.exists("/proc/sys/fs/inotify"))).exit_code != 0:
            return _fail("inotify", "the host's kernel has none. Use a Linux host.")
        return _ok("inotify", "there")

    async def _check_relay(self) -> Finding:
        library = await provision(self._host, self._settings.AGENTFLOW_ROOT)
        relay = await self._stack.enter_async_context(Relay(self._host, library, self._settings.AGENTFLOW_ROOT))
        self._relay, self._runs = relay, Runs(relay, self._settings.agents)
        before = time.time()
        self._facts = await self._runs.facts()
        self._skew_s = self._facts.now - (before + time.time()) / 2
        if self._known.root_mode & 0o007:
            root = self._settings.AGENTFLOW_ROOT
            return _warn("relay", f"{library}; other users of the host can look into {root}. Close it: chmod o= {root}")
        return _ok("relay", library)

    async def _check_docker(self) -> Finding:
        done = await self._host.run(docker.version())
        if done.exit_code == 0:
            return _ok("docker", done.text.strip())
        error = done.stderr.decode("utf-8", "replace").strip()[-200:]
        remedy = "Install or start Docker on the host; a user other than root must be in the group docker."
        return _fail("docker", f"no engine answers: {error} {remedy}")

    async def _check_sandbox(self) -> Finding:
        done = await runner.check(self._host, docker.info())
        found, runtime = Sandbox.model_validate_json(done.text), self._settings.AGENTFLOW_RUNTIME
        found.require(runtime)
        if weakness := found.weakness or await self._starts_nothing(runtime):
            return _fail("sandbox", weakness)
        if "apparmor" not in found.names and (await self._host.run(files.exists(_APPARMOR))).exit_code == 0:
            remedy = "Install the package apparmor and restart Docker."
            return _warn("sandbox", f"the host's kernel has AppArmor, and Docker does not use it. {remedy}")
        return _ok("sandbox", f"runtime {runtime or found.default_runtime}; {', '.join(found.names)}")

    async def _starts_nothing(self, runtime: str | None) -> str:
        """Why the CLI does not start in another runtime than the engine's default, if so and there is an image to try it with."""
        image = self._settings.AGENTFLOW_IMAGE
        if runtime is None or (await self._host.run(image_commands.exists(image))).exit_code != 0:
            return ""
        done = await self._host.run(docker.try_runtime(image, runtime))
        error = done.stderr.decode("utf-8", "replace").strip()[-200:]
        return f"the CLI does not start in {runtime}: {error} See docs/containers.md." if done.exit_code else ""

    async def _check_image(self) -> Finding:
        config = self._settings.agents
        image = Image(
            self._host, root=config.root, image=config.image, base_image=config.base_image, version=config.cli_version
        )
        state = await image.state()
        if state is State.CURRENT:
            return _ok("image", f"{config.image} is current, CLI {config.cli_version}")
        if state is State.FOREIGN:
            return _fail(
                "image", f"{config.image} is not AgentFlow's. Remove it, or choose another name in AGENTFLOW_IMAGE."
            )
        return _warn(
            "image", f"{config.image} is {state.value}. The next spawn builds it, with CLI {config.cli_version}."
        )

    async def _check_disk(self) -> Finding:
        free = self._known.disk_free
        text = f"{free / _GIB:.1f} GiB free"
        if free < _LEAST_DISK:
            return _fail("disk", f"{text}. Free some with `agentflow prune` or `docker system prune`.")
        return _warn("disk", f"{text}. Free some soon.") if free < _LOW_DISK else _ok("disk", text)

    async def _check_memory(self) -> Finding:
        text = f"{self._known.available / _GIB:.1f} of {self._known.memory / _GIB:.1f} GiB available"
        if self._known.available < _LOW_MEMORY:
            return _warn("memory", f"{text}. Stop something, or take a larger host.")
        return _ok("memory", text)

    async def _check_room(self) -> Finding:
        assert self._runs is not None
        found = await self._runs.room()
        waiting = f" {found.queued} wait already." if found.queued else ""
        if found.room == 0:
            return _warn("room", f"a new agent would wait for {found.why}.{waiting}")
        another = f"; another would wait for {found.why}" if found.why else ""
        return _ok("room", f"{found.room} agents could start at once{another}.{waiting}")

    async def _check_clock(self) -> Finding:
        if abs(self._skew_s) > _SKEW_S:
            return _warn(
                "clock",
                f"the host's is {self._skew_s:+.0f} s off this machine's. Turn on NTP: timedatectl set-ntp true.",
            )
        return _ok("clock", f"{self._skew_s:+.1f} s")

    async def _check_model(self) -> Finding:
        url = self._settings.ANTHROPIC_BASE_URL or model_url.PUBLIC
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        assert self._runs is not None
        tls = parts.scheme == "https"
        error = await self._runs.reach(parts.hostname or "", port, tls=tls)
        shown = f"{parts.hostname}:{port}"
        if error:
            return _fail(
                "model", f"the host gets no connection to {shown}: {error}. Check its firewall, and ANTHROPIC_BASE_URL."
            )
        return _ok("model", f"{shown} answers")

    async def _check_gateway(self) -> Finding:
        assert self._relay is not None
        told = await Gateway(self._relay, self._settings.agents).usage(1)
        state, text = gateway_check.judge(told, container_name(self._settings.AGENTFLOW_ROOT))
        levels = {gateway_check.State.WAITING: Level.WARN, gateway_check.State.BROKEN: Level.FAIL}
        return Finding(levels.get(state, Level.OK), "gateway", text)

    @property
    def _known(self) -> HostFacts:
        assert self._facts is not None
        return self._facts
