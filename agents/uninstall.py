"""Takes everything of ours off the host, except work that exists nowhere else."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agents.config import Settings
from vps.commands import docker, files, gateway, image
from vps.errors import BadInput, DockerUnavailable
from vps.gateway import Gateway
from vps.git_containers import GitCredential
from vps.host.families import PLACE as FAMILIES
from vps.host.layout import LABEL_ROOT
from vps.provision import provision
from vps.relay import Relay
from vps.runner import Runner, check
from vps.ssh import SshHost
from vps.workspace import Workspace
from vps.workspaces import Workspaces

Confirm = Callable[[str], Awaitable[bool]]
Say = Callable[[str], None]

_OURS = (
    *("runs", "sessions", "caches", "gateway", "image", "transfer", "claims", "control", "secrets", "audit.jsonl", "audit.jsonl.1"),
    *("keeper.lock", "keeper.log", "lease.json", "image.lock", "prepare.lock", "lib"),
)  # fmt: skip
_REMOVAL_S = 600.0


@dataclass(frozen=True, slots=True)
class _Kept:
    path: str
    reason: str


async def uninstall(settings: Settings, *, yes: bool, force: bool, confirm: Confirm, say: Say) -> bool:
    """Remove it; whether that was done. Raises BadInput while agents run, unless they may be stopped."""
    root = settings.AGENTFLOW_ROOT
    async with SshHost(settings.host) as host:
        await _require_docker(host)
        async with Relay(host, await provision(host, root), root) as relay:
            return await _Removal(relay, settings, say).run(yes=yes, force=force, confirm=confirm)


async def _require_docker(host: Runner) -> None:
    if (await host.run(docker.version())).exit_code != 0:
        remedy = "Start it first: without it nobody can tell what work is not pushed."
        raise DockerUnavailable("No Docker engine answers on the host.", remedy=remedy)


class _Removal:
    def __init__(self, host: Relay, settings: Settings, say: Say) -> None:
        self._host = host
        self._workspaces = Workspaces(host, settings.agents, GitCredential())
        self._gateway = Gateway(host, settings.agents)
        self._say = say
        self._root = settings.AGENTFLOW_ROOT
        self._image = settings.AGENTFLOW_IMAGE

    async def run(self, *, yes: bool, force: bool, confirm: Confirm) -> bool:
        running = [*await self._names(running=True), *await self._waiting()]
        if running and not force:
            await self._ask_to_stop(running, yes=yes, confirm=confirm)
        elif not yes and not await confirm(f"Remove AgentFlow's runs, logs and image from {self._root}?"):
            self._say("Nothing was removed.")
            return False
        await self._end(running)
        kept = await self._remove_workspaces()
        self._say("Removing runs, sessions and scripts.")
        await self._remove(self._root, list(_OURS))
        await self._remove_images()
        families = f"{self._root}/{FAMILIES}"
        listed = (await self._host.run(files.directories(families))).text.split("\0")
        empty = (*filter(None, listed), families, f"{self._root}/workspaces", f"{self._root}/git", self._root)
        await self._host.run(files.remove_empty(*empty))
        for item in kept:
            self._say(f"kept {item.path}: {item.reason}")
        self._say("Done." if not kept else "Done; push or remove what was kept, then run it again.")
        return True

    async def _ask_to_stop(self, running: Sequence[str], *, yes: bool, confirm: Confirm) -> None:
        question = f"{len(running)} agents run or wait: {', '.join(running[:5])}. Stop them and remove everything?"
        if yes or not await confirm(question):
            remedy = "Stop them first, or use --force."
            raise BadInput("force", f"agents still run: {', '.join(running[:5])}.", remedy=remedy)

    async def _names(self, *, running: bool) -> list[str]:
        """Of agents' containers, and of what else was started for this root; the gateway is none of them."""
        done = await check(self._host, docker.list_labelled(LABEL_ROOT, self._root, running=running))
        names = [str(json.loads(line)["Names"]) for line in done.text.splitlines() if line.strip()]
        return [name for name in names if name != gateway.name(self._root)]

    async def _waiting(self) -> list[str]:
        return [run["name"] for run in (await self._host.ask("describe"))["runs"] if run["queue"]]

    async def _end(self, running: Sequence[str]) -> None:
        """The queue goes first, so that none of it starts meanwhile; the keeper goes last: it writes down how they ended."""
        await self._host.ask("withdraw")
        for name in running:
            self._say(f"Stopping {name}.")
            await self._host.run(docker.stop(name), timeout=60)
        await self._host.ask("stop-keeper")
        await self._gateway.remove()  # after the keeper, which would start it again
        for name in await self._names(running=False):
            await self._host.run(docker.remove(name))
        if left := (await self._host.run(docker.left_volumes(self._root))).text.split():
            await self._host.run(docker.remove_volumes(left))

    async def _remove_workspaces(self) -> list[_Kept]:
        """A tree that stays needs its vault, whose objects it borrows."""
        if debris := await self._workspaces.debris():
            await self._remove(self._root, list(debris))
        kept: list[_Kept] = []
        needed: set[str] = set()
        for workspace in await self._workspaces.list():
            if reason := await self._unsaved(workspace):
                kept.append(_Kept(workspace.path, reason))
                needed.add(f"{workspace.name.split('--', 1)[0]}.git")
            else:
                self._say(f"Removing {workspace.path}: nothing in it is unpushed.")
                await self._remove(posixpath.dirname(workspace.path), [posixpath.basename(workspace.path)])
        listed = await self._host.run(files.directories(f"{self._root}/git"))
        vaults = {posixpath.basename(path) for path in listed.text.split("\0") if path}
        if gone := sorted(vaults - needed):
            await self._remove(f"{self._root}/git", gone)
        return kept

    async def _unsaved(self, workspace: Workspace) -> str:
        """Why a workspace has to stay; empty if it may go."""
        if (await self._host.run(image.exists(self._image))).exit_code != 0:
            return "the agent image is not there, so git could not look into it"
        if workspace.kind == "unreadable":
            return f"git cannot tell what is in it: {workspace.why}"
        return workspace.unsaved

    async def _remove(self, directory: str, names: list[str]) -> None:
        """Files that containers made are not the SSH user's to remove, unless that is root."""
        paths = [f"{directory}/{name}" for name in names]
        done = await self._host.run(files.remove_trees(paths), timeout=_REMOVAL_S)
        if done.exit_code != 0:
            await check(self._host, docker.remove_as_root(self._image, directory, names), timeout=_REMOVAL_S)

    async def _remove_images(self) -> None:
        ours = (await check(self._host, image.ours())).text.split()
        for name in (gateway.image_beside(self._image), self._image):
            if name in ours and (await self._host.run(image.remove(name), timeout=120)).exit_code == 0:
                self._say(f"Removed the image {name}.")
        await self._host.run(image.prune(), timeout=120)
        rest = await check(self._host, image.ours())
        # A base serves every image of ours, also those of another root.
        if not rest.text.strip():
            bases = await check(self._host, image.bases())
            for base in bases.text.split():
                await self._host.run(image.remove(base), timeout=120)
