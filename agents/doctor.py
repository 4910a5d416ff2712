"""Checks everything a run and the bot need, from the settings to the model, one finding each with its remedy."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from agents import discord_account, gateway_check
from agents.checks import Check, Finding, Level, all_of, fail, ok, warn
from agents.config import Settings, load
from agents.trust import Standing, identify
from vps import model_url, runner
from vps.commands import docker, files, host
from vps.commands import image as image_commands
from vps.commands.gateway import name as container_name
from vps.errors import HostUnreachable, VpsError
from vps.gateway import Gateway
from vps.image import Image, State
from vps.models import HostFacts
from vps.provision import provision
from vps.relay import Relay
from vps.runs import Runs
from vps.sandbox import Sandbox
from vps.ssh import LEADS_NOWHERE, SshHost

_GIB = 1 << 30
_LOW_DISK, _LEAST_DISK = 5 * _GIB, 1 * _GIB
"""The image alone takes about 1 GiB to build (measured)."""
_LOW_MEMORY = 1 * _GIB
_SKEW_S = 30.0
"""More, and times in threads and TLS certificates begin to look wrong."""
_DOCKER_SOCKET = "/var/run/docker.sock"
_APPARMOR = "/sys/kernel/security/apparmor/profiles"
"""There where it is in force."""


async def examine(read: Callable[[], Settings] = load) -> AsyncIterator[Finding]:
    """Every finding as it is made; what depends on a failed check is skipped."""
    try:
        settings = read()
    except VpsError as error:
        yield fail("settings", str(error))
        for name in ("bot", "voice", *_Examination.HOST_CHECKS):
            yield Finding(Level.SKIPPED, name, "needs settings")
        return
    async with AsyncExitStack() as stack:
        async for finding in all_of(_Examination(settings, stack).checks()):
            yield Finding(finding.level, finding.name, settings.mask.text(finding.text))


class _Examination:
    HOST_CHECKS = (
        "host key", "login", "python", "inotify", "relay", "docker", "forwarding", "sandbox", "image", "disk", "memory",
        "room", "clock", "model", "gateway",
    )  # fmt: skip

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._ssh: SshHost | None = None
        self._relay: Relay | None = None
        self._runs: Runs | None = None
        self._facts: HostFacts | None = None
        self._skew_s = 0.0

    def checks(self) -> list[Check]:
        """In the order in which a person would repair them."""
        return [
            Check("settings", self._check_settings),
            Check("credential", self._check_credential),
            Check("bot", self._check_bot),
            Check("voice", self._check_voice),
            Check("host key", self._check_key, ("settings",)),
            Check("login", self._check_login, ("host key",)),
            Check("python", self._check_python, ("login",)),
            Check("inotify", self._check_inotify, ("login",)),
            Check("relay", self._check_relay, ("python",)),
            Check("docker", self._check_docker, ("login",)),
            Check("forwarding", self._check_forwarding, ("docker",)),
            Check("sandbox", self._check_sandbox, ("docker",)),
            Check("image", self._check_image, ("docker",)),
            Check("disk", self._check_disk, ("relay",)),
            Check("memory", self._check_memory, ("relay",)),
            Check("room", self._check_room, ("relay",)),
            Check("clock", self._check_clock, ("relay",)),
            Check("model", self._check_model, ("relay",)),
            Check("gateway", self._check_gateway, ("relay",)),
        ]

    @property
    def _host(self) -> SshHost:
        assert self._ssh is not None
        return self._ssh

    async def _check_settings(self) -> Finding:
        return ok("settings", f"{self._settings.host}, root {self._settings.AGENTFLOW_ROOT}")

    async def _check_credential(self) -> Finding:
        self._settings.require_credential()
        name = "ANTHROPIC_API_KEY" if self._settings.ANTHROPIC_API_KEY else "CLAUDE_CODE_OAUTH_TOKEN"
        return ok("credential", name)

    async def _check_bot(self) -> Finding:
        if self._settings.DISCORD_BOT_TOKEN is None:
            remedy = "Make a bot in Discord's developer portal."
            return warn("bot", f"DISCORD_BOT_TOKEN is not set: only the command line works. {remedy}")
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
            return warn("bot", f"{account.name}; {' '.join(missing)} {where}")
        return ok("bot", f"{account.name}, reads replies; {where}")

    async def _check_voice(self) -> Finding:
        from agents.voice import check as voice_check  # noqa: PLC0415  no other verb has to wait for the SDK to be read

        state, text = await voice_check.examine(self._settings)
        levels = {voice_check.State.DRIFTED: Level.WARN, voice_check.State.BROKEN: Level.FAIL}
        return Finding(levels.get(state, Level.OK), "voice", text)

    async def _check_key(self) -> Finding:
        identity = await identify(self._settings.host)
        if identity.standing is Standing.CHANGED:
            text = f"changed from {', '.join(identity.before)} to {identity.fingerprint}."
            return fail("host key", f"{text} Check it with the host's owner, then run `agentflow trust`.")
        if identity.standing is Standing.UNKNOWN:
            # Another type of key, a pattern or an authority may vouch for the host: the login tells.
            return warn("host key", f"{identity.fingerprint} is not pinned as such. Run `agentflow trust`.")
        return ok("host key", identity.fingerprint)

    async def _check_login(self) -> Finding:
        self._ssh = await self._stack.enter_async_context(SshHost(self._settings.host))
        return ok("login", str(self._settings.host))

    async def _check_python(self) -> Finding:
        done = await self._host.run(host.python_version())
        version = tuple(map(int, done.text.split())) if done.exit_code == 0 else ()
        if version < (3, 9):
            found = ".".join(map(str, version)) or "none"
            return fail("python", f"python3 is {found}. Install Python 3.9 or newer on the host.")
        return ok("python", ".".join(map(str, version)))

    async def _check_inotify(self) -> Finding:
        if (await self._host.run(files.exists("/proc/sys/fs/inotify"))).exit_code != 0:
            return fail("inotify", "the host's kernel has none. Use a Linux host.")
        return ok("inotify", "there")

    async def _check_relay(self) -> Finding:
        library = await provision(self._host, self._settings.AGENTFLOW_ROOT)
        relay = await self._stack.enter_async_context(Relay(self._host, library, self._settings.AGENTFLOW_ROOT))
        self._relay, self._runs = relay, Runs(relay, self._settings.agents)
        before = time.time()
        self._facts = await self._runs.facts()
        self._skew_s = self._facts.now - (before + time.time()) / 2
        if self._known.root_mode & 0o007:
            root = self._settings.AGENTFLOW_ROOT
            return warn("relay", f"{library}; other users of the host can look into {root}. Close it: chmod o= {root}")
        return ok("relay", library)

    async def _check_docker(self) -> Finding:
        done = await self._host.run(docker.version())
        if done.exit_code == 0:
            return ok("docker", done.text.strip())
        error = done.stderr.decode("utf-8", "replace").strip()[-200:]
        remedy = "Install or start Docker on the host; a user other than root must be in the group docker."
        return fail("docker", f"no engine answers: {error} {remedy}")

    async def _check_forwarding(self) -> Finding:
        """Only the text agent needs it. Docker's socket stands for the gateway's, which may not be there yet."""
        if self._settings.DISCORD_BOT_TOKEN is None or self._settings.ANTHROPIC_API_KEY is None:
            return ok("forwarding", "not tried: only the text agent needs it, which is off")
        if (await self._host.run(files.exists(_DOCKER_SOCKET))).exit_code != 0:
            return ok("forwarding", f"not tried: there is no {_DOCKER_SOCKET}")
        try:
            async with self._host.socket(_DOCKER_SOCKET):
                return ok("forwarding", "the SSH server leads to sockets")
        except HostUnreachable:
            return warn("forwarding", f"the text agent has no way to the model. {LEADS_NOWHERE}")

    async def _check_sandbox(self) -> Finding:
        done = await runner.check(self._host, docker.info())
        found, runtime = Sandbox.model_validate_json(done.text), self._settings.AGENTFLOW_RUNTIME
        found.require(runtime)
        if weakness := found.weakness or await self._starts_nothing(runtime):
            return fail("sandbox", weakness)
        if "apparmor" not in found.names and (await self._host.run(files.exists(_APPARMOR))).exit_code == 0:
            remedy = "Install the package apparmor and restart Docker."
            return warn("sandbox", f"the host's kernel has AppArmor, and Docker does not use it. {remedy}")
        return ok("sandbox", f"runtime {runtime or found.default_runtime}; {', '.join(found.names)}")

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
            return ok("image", f"{config.image} is current, CLI {config.cli_version}")
        if state is State.FOREIGN:
            return fail(
                "image", f"{config.image} is not AgentFlow's. Remove it, or choose another name in AGENTFLOW_IMAGE."
            )
        return warn(
            "image", f"{config.image} is {state.value}. The next spawn builds it, with CLI {config.cli_version}."
        )

    async def _check_disk(self) -> Finding:
        free = self._known.disk_free
        text = f"{free / _GIB:.1f} GiB free"
        if free < _LEAST_DISK:
            return fail("disk", f"{text}. Free some with `agentflow prune` or `docker system prune`.")
        return warn("disk", f"{text}. Free some soon.") if free < _LOW_DISK else ok("disk", text)

    async def _check_memory(self) -> Finding:
        text = f"{self._known.available / _GIB:.1f} of {self._known.memory / _GIB:.1f} GiB available"
        if self._known.available < _LOW_MEMORY:
            return warn("memory", f"{text}. Stop something, or take a larger host.")
        return ok("memory", text)

    async def _check_room(self) -> Finding:
        assert self._runs is not None
        found = await self._runs.room()
        waiting = f" {found.queued} wait already." if found.queued else ""
        if found.room == 0:
            return warn("room", f"a new agent would wait for {found.why}.{waiting}")
        another = f"; another would wait for {found.why}" if found.why else ""
        return ok("room", f"{found.room} agents could start at once{another}.{waiting}")

    async def _check_clock(self) -> Finding:
        if abs(self._skew_s) > _SKEW_S:
            return warn(
                "clock",
                f"the host's is {self._skew_s:+.0f} s off this machine's. Turn on NTP: timedatectl set-ntp true.",
            )
        return ok("clock", f"{self._skew_s:+.1f} s")

    async def _check_model(self) -> Finding:
        url = self._settings.ANTHROPIC_BASE_URL or model_url.PUBLIC
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        assert self._runs is not None
        tls = parts.scheme == "https"
        error = await self._runs.reach(parts.hostname or "", port, tls=tls)
        shown = f"{parts.hostname}:{port}"
        if error:
            return fail(
                "model", f"the host gets no connection to {shown}: {error}. Check its firewall, and ANTHROPIC_BASE_URL."
            )
        return ok("model", f"{shown} answers")

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
