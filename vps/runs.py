"""Runs on one host: start, describe, list, stop, follow."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vps import model_route
from vps.commands import claude, docker
from vps.commands import host as host_commands
from vps.config import AgentConfig
from vps.errors import BadInput, CommandFailed, DiskFull, DockerUnavailable, NoSuchRun, VpsError
from vps.events.framing import Framer
from vps.events.parse import parse
from vps.events.types import Line
from vps.host.layout import NAME
from vps.models import HostFacts, RunRecord, RunRequest
from vps.outcome import DockerExit, SupervisorExit
from vps.runner import Done, Runner, check

log = structlog.get_logger()

GRACE_S = 8.0
"""What an interrupted turn may take to end its tools and write a result before it gets signals."""
_TAIL = 256 << 10


@dataclass(frozen=True, slots=True)
class Container:
    """A container as `docker ps` shows it."""

    id: str
    name: str
    state: str
    status: str
    created: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """A run: what was asked, its container while there is one, and how it ended once it has.

    A container made by hand has no record. `lines` are the last ones of its log, if asked for.
    """

    name: str
    record: RunRecord | None
    container: Container | None
    docker: DockerExit | None = None
    exit: SupervisorExit | None = None
    size: int = 0
    lines: tuple[Line, ...] = ()
    raw: bytes = b""
    """The same lines as they stand in the log."""
    errors: str = ""
    now: float = 0.0
    """The host's clock when this was read, epoch seconds."""

    @property
    def alive(self) -> bool:
        """Whether its container runs or is about to."""
        if self.container is not None:
            return self.container.state in ("running", "created", "restarting", "paused")
        return self.record is not None and self.docker is None

    @property
    def by_hand(self) -> bool:
        """Whether it was started by other means than ours."""
        return self.record is None


class Usage(BaseModel):
    """What a container uses now, as Docker words it: `12.3%`, `151MiB / 4GiB`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    cpu: str = Field(alias="CPUPerc")
    memory: str = Field(alias="MemUsage")
    processes: str = Field(alias="PIDs")


class Runs:
    """All runs below one root directory of one host."""

    def __init__(self, runner: Runner, library: str, config: AgentConfig) -> None:
        self._runner = runner
        self._library = library
        self._config = config
        self._facts: HostFacts | None = None

    async def facts(self) -> HostFacts:
        """What the host has; read anew."""
        self._facts = HostFacts.model_validate(await self._ask("facts"))
        if self._facts.uid == docker.AGENT_ID:
            remedy = "Use another user: that uid is the agents' in their containers, so they could write its files."
            raise BadInput("HETZNER_SSH_USER", f"its uid on the host is {docker.AGENT_ID}.", remedy=remedy)
        return self._facts

    async def reach(self, host: str, port: int, *, tls: bool, timeout: float = 10.0) -> str:
        """Whether the host gets a connection to an address: an empty text, or why not."""
        request = {"host": host, "port": port, "tls": tls, "timeout_s": timeout}
        return str((await self._ask("reach", request))["error"])

    async def start(self, request: RunRequest) -> Run:
        """Start one. Raises BadInput, DiskFull, DockerUnavailable or HostError; then nothing of it is left on the host."""
        try:
            prepared = await self._ask("prepare", self._preparation(request))
            await self._begin(request, prepared)
        except BaseException:
            await asyncio.shield(self._undo(request.name))
            raise
        record = _record(request, prepared["workspace"])
        return Run(request.name, record, Container("", request.name, "running", "", "", {}), now=request.created_at)

    async def _begin(self, request: RunRequest, prepared: dict[str, Any]) -> None:
        workspace = str(prepared["workspace"])
        if not prepared["owned"]:
            own = docker.own_workspace(self._config.image, workspace, make_repository=prepared["fresh"])
            await self._docker(own, timeout=300)
        container = docker.Container(
            name=request.name,
            image=self._config.image,
            root=self._config.root,
            workspace=workspace,
            library=self._library,
            gid=prepared["gid"],
            limits=request.limits,
            origin=request.origin,
            model_directory=prepared["model"],
        )
        keep = asyncio.create_task(self._keep())
        try:
            await self._docker(docker.run_agent(container), timeout=120)
        finally:
            await keep

    def _preparation(self, request: RunRequest) -> dict[str, Any]:
        route = model_route.route(self._config.base_url)
        limits = {"timeout_s": request.limits.timeout_s, "grace_s": GRACE_S, "idle_s": 0}
        return {
            "name": request.name,
            "workspace": request.workspace,
            "run": _record(request, request.workspace).model_dump(),
            "argv": claude.argv(request.options, request.session_id),
            "environ": claude.environ({**request.env, **route.environ}, base_url=route.base_url),
            "credentials": _credentials(self._config),
            "limits": limits,
            "inbox": claude.user_message(request.task, request.message_id),
            "target": route.target,
        }

    async def _undo(self, name: str) -> None:
        try:
            await self._runner.run(docker.remove(name))
            await self._ask("discard", {"name": name})
        except VpsError as error:
            await log.awarning("could not undo a start", run=name, error=str(error))

    async def _keep(self) -> None:
        await check(self._runner, host_commands.script(self._library, "keeper", self._config.root))

    async def find(self, given: str) -> str:
        """The name of the run or hand-made container that a name, a unique prefix or a Docker id means. Raises NoSuchRun."""
        known = {run.name: run for run in await self.list()}
        if given in known:
            return given
        hits = [name for name, run in known.items() if _answers_to(run, given)]
        if len(hits) != 1:
            raise NoSuchRun(given, tuple(sorted(hits)))
        return hits[0]

    async def list(self) -> Sequence[Run]:
        """Everything on the host, newest first: ours, running or gone, and what was started by hand."""
        described, containers = await asyncio.gather(self._ask("describe"), self._containers())
        runs = [_run(item, containers.pop(item["name"], None), described["now"]) for item in described["runs"]]
        runs += [Run(name, None, container, now=described["now"]) for name, container in containers.items()]
        return sorted(runs, key=lambda run: run.name, reverse=True)

    async def describe(self, name: str, *, tail: int = _TAIL) -> Run:
        """One of them, with the lines in the last `tail` bytes of its log."""
        containers = await self._containers()
        if name in containers and not NAME.fullmatch(name):
            return Run(name, None, containers[name])
        described = await self._ask("describe", {"name": name, "tail": tail})
        return _run(described["runs"][0], containers.get(name), described["now"])

    async def logs(self, name: str, lines: int) -> str:
        """The output of a container started by hand."""
        done = await self._docker(docker.logs(name, lines))
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    async def usage(self, name: str) -> Usage | None:
        """What a running one uses; None if it is gone by now."""
        done = await self._runner.run(docker.stats(name))
        return Usage.model_validate_json(done.stdout) if done.exit_code == 0 and done.stdout.strip() else None

    async def stop(self, name: str) -> None:
        """Interrupt, then end it: at most 20 s. One that ended already is no error; its log stays."""
        try:
            await self._docker(docker.stop(name), timeout=60)
        except CommandFailed as error:
            if "No such container" not in error.stderr:
                raise

    async def stop_keeper(self) -> None:
        """End the host's keeper; the next start brings it back."""
        await check(self._runner, host_commands.script(self._library, "keeper-stop", self._config.root))

    async def prune(self, *, max_age_s: float, max_bytes: int) -> list[str]:
        """Remove ended runs beyond an age and a total size; the names of those that went."""
        answer = await self._ask("prune", {"max_age_s": max_age_s, "max_bytes": max_bytes})
        return list(answer["pruned"])

    async def _containers(self) -> dict[str, Container]:
        done = await self._docker(docker.list_agents())
        found = [_container(json.loads(line)) for line in done.text.splitlines() if line.strip()]
        return {container.name: container for container in found}

    async def _docker(self, command: docker.Cmd, *, timeout: float = 60.0) -> Done:
        try:
            return await check(self._runner, command, timeout=timeout)
        except CommandFailed as error:
            raise _docker_error(error) from error

    async def _ask(self, verb: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        command = host_commands.script(self._library, verb, self._config.root)
        done = await check(self._runner, command, stdin=json.dumps(request or {}).encode())
        answer: dict[str, Any] = json.loads(done.stdout)
        if refused := answer.get("refused"):
            if refused["field"] == "disk" or "No space left" in refused["message"]:
                raise DiskFull(refused["message"] + ".", remedy=refused["remedy"] or "Free some on the host.")
            raise BadInput(refused["field"], refused["message"] + ".", remedy=refused["remedy"])
        return answer


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


def _record(request: RunRequest, workspace: str) -> RunRecord:
    return RunRecord(
        name=request.name,
        task=request.task,
        workspace=workspace,
        session_id=request.session_id,
        model=request.options.model,
        timeout_s=request.limits.timeout_s,
        origin=request.origin,
        created_at=request.created_at,
    )


def _run(item: dict[str, Any], container: Container | None, now: float) -> Run:
    if item["run"] is None and container is None and item["docker"] is None:
        raise NoSuchRun(item["name"])
    raw, start = _whole_lines(base64.b64decode(item["log"]), item["start"])
    return Run(
        name=item["name"],
        record=RunRecord.model_validate(item["run"]) if item["run"] else None,
        container=container,
        docker=DockerExit.model_validate(item["docker"]) if item["docker"] else None,
        exit=SupervisorExit.model_validate(item["exit"]) if item["exit"] else None,
        size=item["size"],
        lines=tuple(parse(*framed) for framed in Framer(start).feed(raw)),
        raw=raw,
        errors=item["errors"],
        now=now,
    )


def _whole_lines(data: bytes, start: int) -> tuple[bytes, int]:
    """A log's tail mostly begins inside a line: from the next one on."""
    if start == 0:
        return data, 0
    head, _, rest = data.partition(b"\n")
    return rest, start + len(head) + 1


def _container(row: dict[str, str]) -> Container:
    # Docker's own format: label values with a comma cannot be told from the next label; ours have none.
    labels = dict(part.split("=", 1) for part in row["Labels"].split(",") if "=" in part)
    return Container(row["ID"], row["Names"], row["State"], row["Status"], row["CreatedAt"], labels)


def _answers_to(run: Run, given: str) -> bool:
    if not given:
        return False
    container_id = run.container.id if run.container else ""
    return run.name.startswith(given) or (len(given) >= 4 and container_id.startswith(given))
