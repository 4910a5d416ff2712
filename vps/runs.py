"""Runs on one host: start, describe, list, stop, follow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from vps import attachments
from vps.commands import docker
from vps.commands.caches import Cache
from vps.config import AgentConfig
from vps.docker_errors import docker_error
from vps.errors import BadInput, CommandFailed, HostTimeout, NoSuchRun, VpsError, WorkspaceBusy
from vps.host.layout import LABEL_ROOT, NAME
from vps.keyring import Keyring
from vps.mask import Mask
from vps.models import HostFacts, Room, RunRequest, Waiting
from vps.preparation import container_for, preparation, record_of
from vps.relay import Relay
from vps.run import Container, Run, Usage, answers_to, container_of, run_of
from vps.runner import Done, check
from vps.sandbox import Sandbox

log = structlog.get_logger()

_TAIL = 256 << 10
_START_S = 300.0
"""More than the host gives `docker run`, twice."""


class Runs:
    """All runs below one root directory of one host."""

    def __init__(self, relay: Relay, config: AgentConfig, mask: Mask | None = None) -> None:
        """What runs wrote is told masked; without a `mask`, of keys of a well-known format alone."""
        self._relay = relay
        self._config = config
        self._mask = mask or Mask()
        self.keyring = Keyring(relay, self._mask)

    async def facts(self) -> HostFacts:
        """What the host has; read anew."""
        facts = HostFacts.model_validate(await self._relay.ask("facts"))
        if docker.AGENT_ID in (facts.uid, facts.gid):
            remedy = "Use another user: that id is the agents' in their containers, so they could write its files."
            raise BadInput("HETZNER_SSH_USER", f"its uid or gid on the host is {docker.AGENT_ID}.", remedy=remedy)
        return facts

    async def sandbox(self) -> Sandbox:
        """What the engine puts around containers."""
        return Sandbox.model_validate_json((await self._docker(docker.info())).text)

    async def require_runtime(self) -> None:
        """Raises BadInput where the engine lacks the runtime that agents are to run in."""
        if self._config.runtime is not None:
            (await self.sandbox()).require(self._config.runtime)

    async def reach(self, host: str, port: int, *, tls: bool, timeout: float = 10.0) -> str:
        """Whether the host gets a connection to an address: an empty text, or why not."""
        request = {"host": host, "port": port, "tls": tls, "timeout_s": timeout}
        return str((await self._relay.ask("reach", request))["error"])

    async def check(self, workspace: str, secrets: Iterable[str] = ()) -> None:
        """Raises BadInput or DiskFull where a start there with those would; nothing is made."""
        await self._relay.ask("check", {"workspace": workspace, "secrets": list(secrets)})

    async def start(self, request: RunRequest, *, goes_on: bool = False) -> Run:
        """Start one, or queue it where the host has no room for it now. One of that name that was cut off goes on.

        Raises BadInput, WorkspaceBusy, DiskFull, DockerUnavailable or HostError; then nothing of it is left there. Where it
        `goes_on` under its name later, a cancelled start leaves what there is.
        """
        prepared = asyncio.Event()
        starting = asyncio.create_task(self._start(request, prepared))
        try:
            place, waiting = await asyncio.shield(starting)
        except WorkspaceBusy:
            raise  # nothing was made
        except BaseException as error:
            if goes_on and isinstance(error, asyncio.CancelledError):
                starting.add_done_callback(_forget)
                raise
            # Whoever asked may be gone, `docker run` on the host is not: only what is there can be removed.
            await asyncio.wait({starting})
            await asyncio.shield(self._undo(request.name, unstarted=not prepared.is_set()))
            raise
        record = record_of(request).model_copy(update=place)
        there = None if waiting else Container("", request.name, "running", "", "", {})
        return Run(request.name, record, there, now=request.created_at, waiting=waiting)

    async def _start(self, request: RunRequest, told: asyncio.Event) -> tuple[dict[str, str], Waiting | None]:
        """Where it works, as its record has it, and its place in the queue if it did not start.

        `told` is set once the host has said that it prepared it.
        """
        prepared = await self._relay.ask("prepare", preparation(request, self._config))
        told.set()
        workspace = str(prepared["workspace"])
        if prepared["busy"]:
            raise WorkspaceBusy(workspace, tuple(prepared["busy"]), inside=prepared["inside"])
        where = {"workspace": workspace, "workspace_name": prepared["workspace_name"]}
        if prepared["admitted"] is not None:
            return where, Waiting.model_validate(prepared["admitted"]) if "place" in prepared["admitted"] else None
        if request.enclosed.files:
            await attachments.place(self._relay, request.name, request.message_id, request.enclosed.files)
        if not prepared["owned"]:
            own = docker.own_workspace(self._config.image, workspace, make_repository=prepared["fresh"])
            await self._docker(own, timeout=300)
        container = container_for(request, prepared, self._config, self._relay.library)
        # Both to their ends: none goes on behind an undo.
        waiting, kept = await asyncio.gather(self._admit(container), self._relay.ask("keep"), return_exceptions=True)
        if isinstance(waiting, BaseException):
            raise waiting
        if isinstance(kept, BaseException):
            raise kept
        return where, waiting

    async def _admit(self, container: docker.Container) -> Waiting | None:
        """Have the host start it or give it its place in the queue.

        Where the engine cannot lay a tree's cache on its workspace's, as without root or on some file systems, it goes without.
        It is tried each time: that costs 0.2 s there (measured), and what an engine can may change.
        """
        commands = [docker.run_agent(container)]
        if container.cache.lower is not None:
            commands.append(docker.run_agent(replace(container, cache=Cache(container.cache.own))))
        request = {
            "name": container.name,
            "commands": [list(command.argv) for command in commands],
            "ceiling": self._config.max_agents,
        }
        done = await self._relay.ask("admit", request, timeout=_START_S)
        if "place" in done:
            return Waiting.model_validate(done)
        if done["declined"]:
            await log.awarning(
                "a tree starts without its workspace's packages", run=container.name, error=done["declined"]
            )
        if done["exit_code"] is None:
            raise HostTimeout(done["stderr"].strip() + ".", remedy="Check the host's load and its Docker engine.")
        if done["exit_code"] != 0:
            raise docker_error(CommandFailed("docker run", done["exit_code"], done["stderr"]))
        return None

    async def _undo(self, name: str, *, unstarted: bool) -> None:
        """Where it is not known what there was, only what is `unstarted`: one that goes on may be at work."""
        try:
            if not unstarted:
                await self._relay.run(docker.remove(name))
            await self._relay.ask("discard", {"name": name, "unstarted": unstarted})
        except VpsError as error:
            await log.awarning("could not undo a start", run=name, error=str(error))

    async def find(self, given: str) -> str:
        """The name of the run or hand-made container that a name, a unique prefix or a Docker id means. Raises NoSuchRun."""
        known = {run.name: run for run in await self.list()}
        if given in known:
            return given
        hits = [name for name, run in known.items() if answers_to(run, given)]
        if len(hits) != 1:
            raise NoSuchRun(given, tuple(sorted(hits)))
        return hits[0]

    async def list(self) -> Sequence[Run]:
        """Everything on the host, newest first: ours, running or gone, and what was started by hand."""
        described, containers = await asyncio.gather(self._described({}), self._containers())
        runs = [
            run_of(item, containers.pop(item["name"], None), described["now"], self._mask) for item in described["runs"]
        ]
        runs += [Run(name, None, container, now=described["now"]) for name, container in containers.items()]
        return sorted(runs, key=lambda run: run.name, reverse=True)

    async def describe(self, name: str, *, tail: int = _TAIL) -> Run:
        """One of them, with the lines in the last `tail` bytes of its log."""
        containers = await self._containers()
        if name in containers and not NAME.fullmatch(name):
            return Run(name, None, containers[name])
        described = await self._described({"name": name, "tail": tail})
        return run_of(described["runs"][0], containers.get(name), described["now"], self._mask)

    async def read(self, run: Run, *, tail: int) -> Run:
        """A listed one as it is now, with the lines in the last `tail` bytes of its log; as it was listed if it is gone by now."""
        if run.by_hand:
            return run
        described = await self._described({"name": run.name, "tail": tail})
        try:
            return run_of(described["runs"][0], run.container, described["now"], self._mask)
        except NoSuchRun:
            return run

    async def _described(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the host tells of runs, once the mask knows what they may show."""
        answer = await self._relay.ask("describe", request)
        await self.keyring.heed(answer["secrets"])
        return answer

    async def logs(self, name: str, lines: int) -> str:
        """The output of a container started by hand."""
        done = await self._docker(docker.logs(name, lines))
        return self._mask.text((done.stdout + done.stderr).decode("utf-8", "replace"))

    async def usages(self, names: Iterable[str]) -> dict[str, Usage]:
        """What running ones use now, by name, asked at once. Those that are gone by now are left out."""
        wanted = list(names)
        for _attempt in range(2):
            if not wanted:
                break
            done = await self._relay.run(docker.stats(*wanted))
            if done.exit_code == 0:
                found = (Usage.model_validate_json(line) for line in done.text.splitlines() if line.strip())
                return {usage.name: usage for usage in found}
            # Docker tells of none where one of them has gone.
            there = await self._containers()
            wanted = [name for name in wanted if name in there and there[name].state == "running"]
        return {}

    async def stop(self, name: str) -> bool:
        """Interrupt, then end it: at most 20 s; whether it had been started. One that waits is taken out of the queue.

        One that ended already is no error; its log stays.
        """
        if NAME.fullmatch(name) and (await self._relay.ask("withdraw", {"name": name}))["withdrawn"]:
            return False
        try:
            await self._docker(docker.stop(name), timeout=60)
        except CommandFailed as error:
            if "No such container" not in error.stderr:
                raise
        return True

    async def room(self) -> Room:
        """How many agents could start now."""
        return Room.model_validate(await self._relay.ask("room", {"ceiling": self._config.max_agents}))

    async def stop_keeper(self) -> None:
        """End the host's keeper; the next start brings it back."""
        await self._relay.ask("stop-keeper")

    async def prune(self, *, max_age_s: float, max_bytes: int) -> list[str]:
        """Remove ended runs beyond an age and a total size; the names of those that went."""
        answer = await self._relay.ask("prune", {"max_age_s": max_age_s, "max_bytes": max_bytes})
        if answer["stuck"]:
            sessions = f"{self._config.root}/sessions"
            await self._docker(docker.remove_as_root(self._config.image, sessions, answer["stuck"]), timeout=300)
        return list(answer["pruned"])

    async def trim_caches(self, *, max_bytes: int) -> list[str]:
        """Remove package caches beyond a total size, none that an agent is using; the workspaces and trees they belonged to."""
        answer = await self._relay.ask("trim-caches", {"max_bytes": max_bytes})
        if answer["stuck"]:
            caches = f"{self._config.root}/caches"
            await self._docker(docker.remove_as_root(self._config.image, caches, answer["stuck"]), timeout=300)
        if left := (await self._docker(docker.left_volumes(self._config.root))).text.split():
            await self._relay.run(docker.remove_volumes(left))
        return list(answer["trimmed"])

    async def _containers(self) -> dict[str, Container]:
        """Ours, and those started by hand; not those of another root directory on this host, which has its own control planes."""
        done = await self._docker(docker.list_agents())
        found = [container_of(json.loads(line)) for line in done.text.splitlines() if line.strip()]
        root = self._config.root
        return {container.name: container for container in found if container.labels.get(LABEL_ROOT, root) == root}

    async def _docker(self, command: docker.Cmd, *, timeout: float = 60.0) -> Done:
        try:
            return await check(self._relay, command, timeout=timeout)
        except CommandFailed as error:
            raise docker_error(error) from error


def _forget(starting: asyncio.Task[Any]) -> None:
    """Whoever goes on with it hears of its trouble."""
    if not starting.cancelled():
        starting.exception()
