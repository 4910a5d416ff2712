"""The crew on one host: everything a tool needs, opened together and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from agents.config import Settings
from vps.errors import BadInput
from vps.image import Image, State
from vps.mask import Mask
from vps.models import CliOptions, HostFacts, Limits, Origin, RunRequest, new_name
from vps.provision import provision
from vps.relay import Relay
from vps.run import Run
from vps.runs import Runs
from vps.ssh import SshHost

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


@dataclass(frozen=True, slots=True)
class Crew:
    """One host with its runs, its image and its relay."""

    settings: Settings
    host: SshHost
    runs: Runs
    image: Image
    relay: Relay
    mask: Mask

    async def spawn(self, order: Order, origin: Origin, progress: Progress) -> Run:
        """Start a run. Refuses bad input before anything starts; builds the image first where it is missing or old."""
        self.settings.require_credential()
        # The refusal of a limit comes before a build, which may take minutes; asking both at once spares a round trip.
        facts, current = await asyncio.gather(self.runs.facts(), self.image.state())
        limits = _limits(order, facts)
        if current is not State.CURRENT:
            await self.image.ensure(progress)
        now = time.time()
        request = RunRequest(
            name=new_name(round(now * 1000)),
            session_id=str(uuid.uuid4()),
            message_id=str(uuid.uuid4()),
            task=order.task,
            workspace=order.workspace or f"{self.settings.AGENTFLOW_ROOT}/workspace",
            options=order.options,
            limits=limits,
            env=order.env,
            origin=origin,
            created_at=now,
        )
        return await self.runs.start(request)


def _limits(order: Order, facts: HostFacts) -> Limits:
    """Explicit limits above what the host has are refused; the defaults are clamped to it."""
    defaults = Limits()
    if order.memory is not None and order.memory > facts.memory:
        raise BadInput("memory", f"the host has {facts.memory >> 20} MiB.", remedy="Ask for less, or leave it out.")
    if order.cpus is not None and order.cpus > facts.cpus:
        raise BadInput("cpus", f"the host has {facts.cpus}.", remedy="Ask for fewer, or leave it out.")
    return Limits(
        memory=order.memory or min(defaults.memory, facts.memory),
        cpus=order.cpus or min(defaults.cpus, facts.cpus),
        timeout_s=order.timeout_s,
    )


@contextlib.asynccontextmanager
async def open_crew(settings: Settings) -> AsyncGenerator[Crew]:
    """Connect to the host and put our scripts there. Raises SettingsError or HostError with the remedy."""
    config = settings.agents
    async with SshHost(settings.host) as host:
        library = await provision(host, config.root)
        async with Relay(host, library, config.root) as relay:
            runs = Runs(relay, config)
            image = Image(
                relay, root=config.root, image=config.image, base_image=config.base_image, version=config.cli_version
            )
            yield Crew(settings, host, runs, image, relay, settings.mask)
