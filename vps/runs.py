"""Runs on one host: start, describe, list, stop, follow."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from pydantic import SecretStr

from vps import model_route
from vps.commands import claude, docker
from vps.commands.caches import Cache
from vps.config import AgentConfig
from vps.errors import BadInput, CommandFailed, DiskFull, DockerUnavailable, NoSuchRun, VpsError, WorkspaceBusy
from vps.host.layout import NAME
from vps.models import HostFacts, RunRecord, RunRequest
from vps.relay import Relay
from vps.run import Container, Run, Usage, answers_to, container_of, run_of
from vps.runner import Done, check

log = structlog.get_logger()

GRACE_S = 8.0
"""What an interrupted turn may take to end its tools and write a result before it gets signals."""
_TAIL = 256 << 10


class Runs:
    """All runs below one root directory of one host."""

    def __init__(self, relay: Relay, config: AgentConfig) -> None:
        self._relay = relay
        self._config = config

    async def facts(self) -> HostFacts:
        """What the host has; read anew."""
        facts = HostFacts.model_validate(await self._relay.ask("facts"))
        if docker.AGENT_ID in (facts.uid, facts.gid):
            remedy = "Use another user: that id is the agents' in their containers, so they could write its files."
            raise BadInput("HETZNER_SSH_USER", f"its uid or gid on the host is {docker.AGENT_ID}.", remedy=remedy)
        return facts

    async def reach(self, host: str, port: int, *, tls: bool, timeout: float = 10.0) -> str:
        """Whether the host gets a connection to an address: an empty text, or why not."""
        request = {"host": host, "port": port, "tls": tls, "timeout_s": timeout}
        return str((await self._relay.ask("reach", request))["error"])

    async def check(self, workspace: str) -> None:
        """Raises BadInput or DiskFull where a start there would; nothing is made."""
        await self._relay.ask("check", {"workspace": workspace})

    async def start(self, request: RunRequest) -> Run:
        """Start one. Raises BadInput, WorkspaceBusy, DiskFull, DockerUnavailable or HostError; then nothing of it is left there."""
        starting = asyncio.create_task(self._start(request))
        try:
            place = await asyncio.shield(starting)
        except WorkspaceBusy:
            raise  # nothing was made
        except BaseException:
            # Whoever asked may be gone, `docker run` on the host is not: only what is there can be removed.
            await asyncio.wait({starting})
            await asyncio.shield(self._undo(request.name))
            raise
        record = _record(request).model_copy(update=place)
        return Run(request.name, record, Container("", request.name, "running", "", "", {}), now=request.created_at)

    async def _start(self, request: RunRequest) -> dict[str, str]:
        """Where it works, as its record has it."""
        prepared = await self._relay.ask("prepare", self._preparation(request))
        workspace = str(prepared["workspace"])
        if prepared["busy"]:
            raise WorkspaceBusy(workspace, tuple(prepared["busy"]), inside=prepared["inside"])
        if not prepared["owned"]:
            own = docker.own_workspace(self._config.image, workspace, make_repository=prepared["fresh"])
            await self._docker(own, timeout=300)
        container = docker.Container(
            name=request.name,
            image=self._config.image,
            root=self._config.root,
            workspace=workspace,
            library=self._relay.library,
            gid=prepared["gid"],
            limits=request.limits,
            origin=request.origin,
            cache=Cache(**prepared["cache"]),
            model_directory=prepared["model"],
            vault=prepared["vault"],
            branch=request.branch,
        )
        await _all(self._run(container), self._relay.ask("keep"))
        return {"workspace": workspace, "workspace_name": prepared["workspace_name"]}

    async def _run(self, container: docker.Container) -> None:
        """Where the engine cannot lay a tree's cache on its workspace's, as without root or on some file systems, it goes without.

        It is tried each time: that costs 0.2 s there (measured), and what an engine can may change.
        """
        try:
            await self._docker(docker.run_agent(container), timeout=120)
        except CommandFailed as error:
            if container.cache.lower is None or error.exit_code != docker.ENGINE_FAILED:
                raise
            await log.awarning("a tree starts without its workspace's packages", run=container.name, error=error.stderr)
            await self._relay.run(docker.remove(container.name))
            alone = replace(container, cache=Cache(container.cache.own))
            await self._docker(docker.run_agent(alone), timeout=120)

    def _preparation(self, request: RunRequest) -> dict[str, Any]:
        route = model_route.route(self._config.base_url)
        environ = {**request.env, **route.environ}
        hung = claude.silence(environ) | {
            "session_id": request.session_id,
            "message": claude.user_message(claude.HUNG_MESSAGE, str(uuid.uuid4())).rstrip("\n"),
        }
        limits = {"timeout_s": request.limits.timeout_s, "grace_s": GRACE_S, "idle_s": 0, "hung": hung}
        return {
            "name": request.name,
            "workspace": request.workspace,
            "run": _record(request).model_dump(),
            "argv": claude.argv(request.options, request.session_id),
            "argv_resume": claude.argv(request.options, request.session_id, resume=True),
            "environ": claude.environ(environ, base_url=route.base_url),
            "credentials": _credentials(self._config),
            "limits": limits,
            "inbox": claude.user_message(request.task, request.message_id),
            "target": route.target,
        }

    async def _undo(self, name: str) -> None:
        try:
            await self._relay.run(docker.remove(name))
            await self._relay.ask("discard", {"name": name})
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
        described, containers = await asyncio.gather(self._relay.ask("describe"), self._containers())
        runs = [run_of(item, containers.pop(item["name"], None), described["now"]) for item in described["runs"]]
        runs += [Run(name, None, container, now=described["now"]) for name, container in containers.items()]
        return sorted(runs, key=lambda run: run.name, reverse=True)

    async def describe(self, name: str, *, tail: int = _TAIL) -> Run:
        """One of them, with the lines in the last `tail` bytes of its log."""
        containers = await self._containers()
        if name in containers and not NAME.fullmatch(name):
            return Run(name, None, containers[name])
        described = await self._relay.ask("describe", {"name": name, "tail": tail})
        return run_of(described["runs"][0], containers.get(name), described["now"])

    async def read(self, run: Run, *, tail: int) -> Run:
        """A listed one as it is now, with the lines in the last `tail` bytes of its log; as it was listed if it is gone by now."""
        if run.by_hand:
            return run
        described = await self._relay.ask("describe", {"name": run.name, "tail": tail})
        try:
            return run_of(described["runs"][0], run.container, described["now"])
        except NoSuchRun:
            return run

    async def logs(self, name: str, lines: int) -> str:
        """The output of a container started by hand."""
        done = await self._docker(docker.logs(name, lines))
        return (done.stdout + done.stderr).decode("utf-8", "replace")

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

    async def stop(self, name: str) -> None:
        """Interrupt, then end it: at most 20 s. One that ended already is no error; its log stays."""
        try:
            await self._docker(docker.stop(name), timeout=60)
        except CommandFailed as error:
            if "No such container" not in error.stderr:
                raise

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
        done = await self._docker(docker.list_agents())
        found = [container_of(json.loads(line)) for line in done.text.splitlines() if line.strip()]
        return {container.name: container for container in found}

    async def _docker(self, command: docker.Cmd, *, timeout: float = 60.0) -> Done:
        try:
            return await check(self._relay, command, timeout=timeout)
        except CommandFailed as error:
            raise _docker_error(error) from error


async def _all(*steps: Coroutine[Any, Any, object]) -> None:
    """All of them to their ends, then the first one's error: none goes on behind an undo."""
    for done in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(done, BaseException):
            raise done


def _docker_error(error: CommandFailed) -> VpsError:
    # Docker's command line has one exit code (125) for all of its own errors: only its text tells them apart.
    text = error.stderr
    if "Cannot connect to the Docker daemon" in text or "command not found" in text or error.exit_code == 127:
        return DockerUnavailable("No Docker engine answers on the host.", remedy="Install or start Docker there.")
    if "permission denied" in text and "docker.sock" in text:
        remedy = "Add the user to the group docker there, or use root."
        return DockerUnavailable("The SSH user may not use Docker.", remedy=remedy)
    if "no space left on device" in text.lower():
        return DiskFull("The host has no disk left for another container.", remedy="Free some with `agentflow prune`.")
    return error


def _credentials(config: AgentConfig) -> list[str]:
    secrets: dict[str, SecretStr | None] = {
        "ANTHROPIC_API_KEY": config.api_key,
        "CLAUDE_CODE_OAUTH_TOKEN": config.oauth_token if config.api_key is None else None,
    }
    return [f"{name}={value.get_secret_value()}" for name, value in secrets.items() if value is not None]


def _record(request: RunRequest) -> RunRecord:
    return RunRecord(
        name=request.name,
        task=request.task,
        workspace=request.workspace,
        branch=request.branch,
        session_id=request.session_id,
        model=request.options.model,
        timeout_s=request.limits.timeout_s,
        origin=request.origin,
        created_at=request.created_at,
    )
