"""The crew on one host: everything a tool needs, opened together and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agents.attachments import Accepted, Refused, enclosed
from agents.config import Settings
from agents.github import GitHub
from agents.known import Known
from vps.errors import BadInput, WorkspaceBusy
from vps.gateway import Gateway
from vps.host.families import family
from vps.image import Image, State
from vps.mask import Mask
from vps.models import CliOptions, HostFacts, Kin, Limits, Network, Origin, RunRequest, new_name
from vps.provision import provision
from vps.relay import Relay
from vps.run import Run
from vps.runs import Runs
from vps.ssh import SshHost
from vps.workspaces import Workspaces

_TASKS = uuid.UUID("0b3f2a57-51f7-5c0e-8a43-9d7c1f6be2d4")
"""Of the ids that tasks have as messages of their sessions."""

Progress = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done, as it came through a tool. Limits of None are the contract's, clamped to the host."""

    task: str
    workspace: str | None
    timeout_s: float
    options: CliOptions
    env: dict[str, str]
    memory: int | None
    cpus: float | None
    network: Network = "restricted"
    disk: int | None = None
    kin: Kin = field(default_factory=Kin)
    beside: WorkspaceBusy | None = None
    """Where somebody works, for one that is to work in a tree beside that in any case."""
    secrets: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict[str, str])
    """See `RunRequest`, as `from_channel`."""
    from_channel: tuple[str, ...] = ()
    accepted: Sequence[Accepted] = ()
    """Files for it; `refused` those it is told that it does not get."""
    refused: Sequence[Refused] = ()


class Sight(NamedTuple):
    """How the host stands: what it has, and whether its image and gateway are as they should be."""

    facts: HostFacts
    image: State
    has_gateway: bool


@dataclass(frozen=True, slots=True)
class Crew:
    """One host with its runs, its image and its relay."""

    settings: Settings
    host: SshHost
    runs: Runs
    image: Image
    gateway: Gateway
    relay: Relay
    workspaces: Workspaces
    github: GitHub
    mask: Mask
    known: Known = field(default_factory=Known)

    async def look(self) -> Sight:
        """How the host stands, for a spawn. Asking all at once spares round trips."""
        facts, image, has_gateway, _ = await asyncio.gather(
            self.runs.facts(), self.image.state(), self.gateway.is_current(), self.runs.require_runtime()
        )
        return Sight(facts, image, has_gateway)

    async def spawn(
        self, order: Order, origin: Origin, progress: Progress, *, name: str | None = None, seen: Sight | None = None
    ) -> Run:
        """Start a run. Refuses bad input before anything starts; builds the image first where it is missing or old.

        With a `name`, one that was cut off under that name goes on. `seen` spares looking again.
        """
        self.settings.require_credential()
        # The refusal of a limit comes before a build, which may take minutes.
        facts, current, has_gateway = seen or await self.look()
        limits = _limits(order, facts, self.settings)
        workspace = order.workspace or f"{self.settings.AGENTFLOW_ROOT}/workspace"
        if current is not State.CURRENT:
            await self.runs.check(workspace, order.secrets)
            await self.image.ensure(progress)
        if not has_gateway:
            await self.gateway.ensure(progress)
        now = time.time()
        run = name or new_name(round(now * 1000))
        # The same where it goes on: the files of the message are where its first inbox line says.
        message_id = str(uuid.uuid5(_TASKS, run))
        request = RunRequest(
            name=run,
            session_id=str(uuid.uuid4()),
            message_id=message_id,
            task=order.task,
            enclosed=enclosed(message_id, order.accepted, order.refused),
            workspace=workspace,
            options=order.options,
            limits=limits,
            env=order.env,
            network=order.network,
            secrets=order.secrets,
            told=order.told,
            from_channel=order.from_channel,
            origin=origin,
            kin=order.kin,
            created_at=now,
        )
        if order.beside is not None:
            return await self._start_beside(request, order.beside, progress, goes_on=name is not None)
        try:
            return await self.runs.start(request, goes_on=name is not None)
        except WorkspaceBusy as busy:
            return await self._start_beside(request, busy, progress, goes_on=name is not None)

    async def _start_beside(
        self, request: RunRequest, busy: WorkspaceBusy, progress: Progress, *, goes_on: bool
    ) -> Run:
        """In a tree of its own: two agents in one would take each other's files for their own."""
        await progress("An agent works there already: making a tree beside it.")
        family_name = request.kin.parent and family(request.kin.parent)
        name, branch = await self._tree(busy.path, slug(request.task, request.name), family_name)
        path = "/".join(filter(None, (self.workspaces.path(name), busy.inside)))
        try:
            return await self.runs.start(
                request.model_copy(update={"workspace": path, "branch": branch}), goes_on=goes_on
            )
        except BaseException as error:
            if goes_on and isinstance(error, asyncio.CancelledError):
                raise
            await asyncio.shield(self.workspaces.delete(name, force=True))
            if busy.inside and isinstance(error, BadInput) and error.field == "workspace_path":
                what = f"{busy.inside} is in no commit yet, so a tree beside the busy workspace lacks it."
                raise BadInput("workspace_path", what, remedy="Commit it, or wait for the agent there.") from error
            raise

    async def _tree(self, path: str, slug: str, family: str) -> tuple[str, str]:
        """A new one, or the one that was made when this was cut off: the slug is the run's own."""
        made = next((name for name in await self.workspaces.names() if name.endswith(f"--{slug}")), None)
        return (made, f"agent/{slug}") if made else await self.workspaces.branch_off(path, slug, family)


def slug(task: str, run: str) -> str:
    """A short name for an agent's tree and branch: the task's first words, and the end of the run's name, which repeats never."""
    words = re.findall(r"[a-z0-9]+", task.lower())[:4]
    return "-".join([*(word[:12] for word in words), run.rsplit("-", 1)[-1]])


def _limits(order: Order, facts: HostFacts, settings: Settings) -> Limits:
    """Explicit limits above what the host has are refused; the defaults are clamped to it."""
    defaults = Limits()
    if order.memory is not None and order.memory > facts.memory:
        raise BadInput("memory", f"the host has {facts.memory >> 20} MiB.", remedy="Ask for less, or leave it out.")
    if order.cpus is not None and order.cpus > facts.cpus:
        raise BadInput("cpus", f"the host has {facts.cpus}.", remedy="Ask for fewer, or leave it out.")
    return Limits(
        memory=order.memory or min(defaults.memory, facts.memory),
        cpus=order.cpus or min(defaults.cpus, facts.cpus),
        disk=order.disk or round(settings.AGENTFLOW_DISK_GB * (1 << 30)),
        timeout_s=order.timeout_s,
    )


@contextlib.asynccontextmanager
async def open_crew(settings: Settings) -> AsyncGenerator[Crew]:
    """Connect to the host and put our scripts there. Raises SettingsError or HostError with the remedy."""
    config = settings.agents
    async with SshHost(settings.host) as host:
        library = await provision(host, config.root)
        async with Relay(host, library, config.root) as relay:
            runs = Runs(relay, config, settings.mask)
            image = Image(
                relay, root=config.root, image=config.image, base_image=config.base_image, version=config.cli_version
            )
            credential, _ = await asyncio.gather(asyncio.to_thread(settings.git_credential), runs.keyring.learn())
            workspaces = Workspaces(relay, config, credential)
            github = GitHub(settings.github_token, settings.GITHUB_API_URL)
            gateway = Gateway(relay, config)
            yield Crew(settings, host, runs, image, gateway, relay, workspaces, github, settings.mask)
