"""A run as the host shows it, whoever started it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vps.commands.docker import NAME_PREFIX
from vps.errors import NoSuchRun
from vps.events.framing import Framer
from vps.events.parse import parse
from vps.events.types import Line
from vps.host.layout import NAME
from vps.mask import Mask
from vps.models import RunRecord, Waiting
from vps.outcome import DockerExit, SupervisorExit, docker_exit, supervisor_exit


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

    A container made by hand has no record. `lines` are the last ones of its log, if asked for. What its log says is masked.
    """

    name: str
    record: RunRecord | None
    container: Container | None
    docker: DockerExit | None = None
    exit: SupervisorExit | None = None
    size: int = 0
    lines: tuple[Line, ...] = ()
    raw: bytes = b""
    """The same lines as they stand in the log, masked."""
    before: tuple[Line, ...] = ()
    """Of the lines before those, the last of each kind that tells of the run: its start, its model, a result."""
    turns: int = 0
    """API messages of the main agent in the whole log, if its lines were asked for."""
    errors: str = ""
    quiet_s: float = 0.0
    """Since something was written to its log, when this was read."""
    now: float = 0.0
    """The host's clock when this was read, epoch seconds."""
    waiting: Waiting | None = None
    """Its place in the queue, if it was not started yet."""
    idle: bool = False
    """Whether it is done and waits for its next message, warm."""

    @property
    def alive(self) -> bool:
        """Whether it runs, or is to. One of ours has ended once that is written down: until then nobody knows how."""
        if self.record is not None:
            return self.docker is None
        return self.container is not None and self.container.state in ("running", "created", "restarting", "paused")

    @property
    def by_hand(self) -> bool:
        """Whether it was started by other means than ours."""
        return self.record is None


class Usage(BaseModel):
    """What a container uses now, as Docker words it: `12.3%`, `151MiB / 4GiB`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(alias="Name")
    cpu: str = Field(alias="CPUPerc")
    memory: str = Field(alias="MemUsage")
    processes: str = Field(alias="PIDs")


def run_of(item: dict[str, Any], container: Container | None, now: float, mask: Mask) -> Run:
    """A run from the host's description of it and its container. Raises NoSuchRun when there is nothing of it.

    Its log is masked here, before anything is cut: a part of a key would not be known for one.
    """
    if item["run"] is None and container is None and item["docker"] is None:
        raise NoSuchRun(item["name"])
    raw, start = _whole_lines(base64.b64decode(item["log"]), item["start"])
    framed = [(begin, end, mask.line(line)) for begin, end, line in Framer(start).feed(raw)]
    kept = [(begin, base64.b64decode(line)) for begin, line in item["kept"]]
    return Run(
        name=item["name"],
        record=RunRecord.model_validate(item["run"]) if item["run"] else None,
        container=container,
        docker=docker_exit(item["docker"]),
        exit=supervisor_exit(item["exit"]),
        size=item["size"],
        lines=tuple(parse(begin, end, line) for begin, end, line in framed),
        raw=b"".join(line + b"\n" for _, _, line in framed) + mask.bytes(raw.rpartition(b"\n")[2]),
        before=tuple(parse(begin, begin + len(line) + 1, mask.line(line)) for begin, line in kept if begin < start),
        turns=item["turns"],
        errors=mask.text(item["errors"]),
        quiet_s=item["quiet_s"],
        now=now,
        waiting=Waiting.model_validate(item["queue"]) if item.get("queue") else None,
        idle=bool(item["docker"] is None and item.get("idle")),
    )


def _whole_lines(data: bytes, start: int) -> tuple[bytes, int]:
    """A log's tail mostly begins inside a line: from the next one on."""
    if start == 0:
        return data, 0
    head, _, rest = data.partition(b"\n")
    return rest, start + len(head) + 1


def container_of(row: dict[str, str]) -> Container:
    """A container from a line of `docker ps --format '{{json .}}'`."""
    # Docker's own format: label values with a comma cannot be told from the next label; ours have none.
    labels = dict(part.split("=", 1) for part in row["Labels"].split(",") if "=" in part)
    return Container(row["ID"], row["Names"], row["State"], row["Status"], row["CreatedAt"], labels)


def answers_to(run: Run, given: str) -> bool:
    """Whether a person may mean it by this: its short name, or the beginning of its name or of its container's id."""
    if not given:
        return False
    if given == short(run.name):
        return True
    container_id = run.container.id if run.container else run.docker.id if run.docker else ""
    return run.name.startswith(given) or (len(given) >= 4 and container_id.startswith(given))


def short(name: str) -> str:
    """What tells a name apart, and may be typed for it: the last six characters, or by hand all but the beginning."""
    return name.rpartition("-")[2] if NAME.fullmatch(name) else name.removeprefix(NAME_PREFIX)
