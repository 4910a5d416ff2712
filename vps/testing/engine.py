"""A Docker engine for the demo and the tests: the one that answers, else one of our own for as long as it is used.

Several processes may ask at once. The first starts `dockerd`, the last one to leave stops it; an engine that was
running already is never touched. Two locks in the state directory carry that: `turn` (exclusive, while an engine is
started or stopped) and `users` (shared, by everyone who uses one).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vps.errors import DockerUnavailable
from vps.testing.packages import Say, find_program, provide, run_program
from vps.testing.processes import ProcessId, identify, program_name

STATE = Path("/run/agentflow-engine")
PACKAGES = ("docker.io", "ca-certificates", "iptables")

_SOCKET = Path("/var/run/docker.sock")
_PID_FILES = {
    Path("/var/run/docker.pid"): "dockerd",
    Path("/var/run/docker/containerd/containerd.pid"): "containerd",
}
_ANSWER_SECONDS = 10.0
_START_SECONDS = 60.0
_STOP_SECONDS = 45.0  # dockerd gives containers 15 s to end before it kills them
_TURN_SECONDS = 1200.0  # another process may be installing the packages
_TICK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers. `started_here` tells whether this call started it; `log` is dockerd's, if it is ours."""

    version: str
    started_here: bool
    log: Path | None


@asynccontextmanager
async def engine(say: Say, *, state: Path = STATE, arguments: Sequence[str] = ()) -> AsyncGenerator[Engine]:
    """A Docker engine for the length of the block.

    Uses the engine that answers; else installs the distribution's package where it is missing and starts `dockerd`
    with `arguments` in the background, its log in `state`. What AgentFlow started is stopped when its last user leaves.
    Raises DockerUnavailable when there is no right to use or start one, or it does not come up.
    """
    if os.geteuid() != 0:
        with _joined(state):
            yield await _answering_only()
        return
    state.mkdir(mode=0o755, parents=True, exist_ok=True)
    async with _turn(state, say):
        found = await _obtain(state, say, arguments)
        users = _share(state / "users")
    try:
        yield found
    finally:
        async with _turn(state, say):
            os.close(users)
            await _stop_if_unused(state, say)


async def server_version() -> str | None:
    """The version of the engine that answers the `docker` client, None when none does."""
    client = find_program("docker")
    if client is None:
        return None
    with contextlib.suppress(TimeoutError):
        code, output = await run_program(
            client, "version", "--format", "{{.Server.Version}}", timeout=_ANSWER_SECONDS, env=dict(os.environ)
        )
        if code == 0:
            return output.strip()
    return None


async def _answering_only() -> Engine:
    version = await server_version()
    if version is not None:
        return Engine(version, started_here=False, log=None)
    if _is_refused(_SOCKET):
        raise DockerUnavailable(
            "This user may not use the Docker engine.",
            remedy="Add it to the group: sudo usermod -aG docker $USER, then log in again.",
        )
    raise DockerUnavailable(
        "No Docker engine answers, and only root can start one.",
        remedy="Start it with: sudo systemctl start docker (to install it: sudo apt-get install docker.io).",
    )


async def _obtain(state: Path, say: Say, arguments: Sequence[str]) -> Engine:
    version = await server_version()
    if version is not None:
        return Engine(version, started_here=False, log=_log(state) if _recorded(state) else None)
    await provide("docker", PACKAGES, say)
    program = await provide("dockerd", PACKAGES, say)
    version = await server_version()  # installing the package may have started its service
    if version is not None:
        return Engine(version, started_here=False, log=None)
    return await _start((program, *arguments), state, say)


async def _start(argv: tuple[str, ...], state: Path, say: Say) -> Engine:
    _remove_stale_pid_files()
    say(f"no Docker engine answers: starting {argv[0]} (log: {_log(state)})")
    process = await _launch(argv, state)
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while (version := await server_version()) is None:
        if not process.alive or asyncio.get_running_loop().time() >= deadline:
            await _stop(process)
            _record(state).unlink(missing_ok=True)
            raise DockerUnavailable(
                f"dockerd did not come up: {_tail(_log(state))}", remedy=f"Its whole log is {_log(state)}."
            )
        await asyncio.sleep(_TICK_SECONDS)
    say(f"Docker engine {version} is up")
    return Engine(version, started_here=True, log=_log(state))


async def _launch(argv: tuple[str, ...], state: Path) -> ProcessId:
    """Start dockerd in a session of its own, as nobody's child: it may outlive us for another user."""
    script = 'pid=$1 log=$2; shift 2; echo $$ >"$pid.new" && mv "$pid.new" "$pid" && exec "$@" >"$log" 2>&1 </dev/null'
    pid_file = state / "pid"
    pid_file.unlink(missing_ok=True)
    words = ("setsid", "--fork", "sh", "-c", script, "sh", str(pid_file), str(_log(state)), *argv)
    environment = {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"}
    code, output = await run_program(*words, timeout=_ANSWER_SECONDS, env=environment)
    async with asyncio.timeout(_ANSWER_SECONDS):
        while code == 0 and not pid_file.exists():
            await asyncio.sleep(_TICK_SECONDS)
    process = identify(int(pid_file.read_text(encoding="utf-8"))) if code == 0 else None
    if process is None:
        raise DockerUnavailable(f"dockerd could not be started: {output or _tail(_log(state))}")
    _record(state).write_text(json.dumps({"pid": process.pid, "started": process.started}), encoding="utf-8")
    return process


async def _stop_if_unused(state: Path, say: Say) -> None:
    process = _recorded(state)
    if process is None:
        return
    with _open_lock(state / "users") as users:
        if not _try_lock(users, fcntl.LOCK_EX):
            return
    say("stopping the Docker engine that was started for this")
    await _stop(process)
    _record(state).unlink(missing_ok=True)


async def _stop(process: ProcessId) -> None:
    process.send(signal.SIGTERM)
    if not await process.ended(_STOP_SECONDS):
        process.send(signal.SIGKILL)
        await process.ended(_ANSWER_SECONDS)


@asynccontextmanager
async def _turn(state: Path, say: Say) -> AsyncGenerator[None]:
    with _open_lock(state / "turn") as lock:
        waited = 0.0
        while not _try_lock(lock, fcntl.LOCK_EX):
            if waited == 0.0:
                say("another AgentFlow process is starting or stopping the Docker engine: waiting for it")
            if waited >= _TURN_SECONDS:
                raise DockerUnavailable(
                    "Another AgentFlow process holds the Docker engine's lock.", remedy=f"See who: fuser {state}/turn"
                )
            await asyncio.sleep(_TICK_SECONDS)
            waited += _TICK_SECONDS
        yield


def _share(path: Path) -> int:
    """The shared lock of one user of the engine: a descriptor that holds it until it is closed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@contextmanager
def _joined(state: Path) -> Generator[None]:
    """Count as a user of an engine that root may have started for AgentFlow."""
    try:
        descriptor = os.open(state / "users", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _open_lock(path: Path) -> Generator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _record(state: Path) -> Path:
    return state / "dockerd.json"


def _log(state: Path) -> Path:
    return state / "dockerd.log"


def _recorded(state: Path) -> ProcessId | None:
    """The dockerd that AgentFlow started, if it still runs; a stale record is nobody's."""
    try:
        known = json.loads(_record(state).read_text(encoding="utf-8"))
        process = ProcessId(pid=int(known["pid"]), started=int(known["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return process if process.alive else None


def _remove_stale_pid_files() -> None:
    """dockerd refuses to start, or waits for a containerd that is not there, when another program has that pid now."""
    for path, program in _PID_FILES.items():
        with contextlib.suppress(OSError, ValueError):
            if program_name(int(path.read_text(encoding="utf-8"))) != program:
                path.unlink()


def _tail(path: Path, characters: int = 600) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-characters:].strip()
    except OSError:
        return "it wrote no log"


def _is_refused(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except PermissionError:
            return True
        except OSError:
            return False
    return False
