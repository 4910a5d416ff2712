"""One detached process per root directory, alive while there are runs: it does on the host what must not wait for the bot.

- writes down how Docker saw a run end (`docker.json`), and only then removes the container
- ends a run whose turn overran its deadline although its supervisor should have, or whose log passed 1 GiB
- stops the children of an agent that has ended, unless they were to outlive it
- starts the gateway again where it is gone
- starts the runs that wait, in their order, as the host has room for them
- prunes old runs, and once the last agent has gone the package caches

It is started again by whoever needs it (`keeper.lock` lets one live), and ends by itself when there is nothing to keep.
Containers without our labels are never touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from typing import Any

from vps.host import caches, ends, engine, gateway, kin, layout, prune, starts
from vps.host.engine import Engine

LOG_LIMIT = 1 << 30
_SWEEP_S = 2.0
_PRUNE_S = 3600.0
_OVERRUN_S = 30.0
_STARTING_S = 600.0
"""A large workspace may have to be given to the agents' user first."""
_STARTED_S = 5.0
_LINGER_S = 20.0
_QUIET_S = 5.0
_PATIENCE = 2


class Keeper:
    """The state is what lies on disk and what Docker says; nothing has to survive here."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._killed_for: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """What goes on beside the sweeps: an engine may take its time. One a run."""
        self._engine = Engine(root)
        self._busy_at = time.monotonic()
        self._trimmed = False
        self._gateway_lost = 0
        self._looked_at = 0.0
        """When it began to ask for the containers: of one that was made after that it knows nothing."""

    async def run(self) -> None:
        """Sweep on every container's death and every 2 s, until nothing was alive for 20 s."""
        events = asyncio.create_task(self._engine.watch())
        pruned = 0.0
        try:
            while time.monotonic() - self._busy_at < _LINGER_S:
                try:
                    await self._sweep()
                except (OSError, subprocess.SubprocessError, ValueError) as error:
                    # An engine that hangs, a host without a process to spare: nobody else would start the keeper again.
                    print(f"sweep: {error}", file=sys.stderr, flush=True)
                if time.monotonic() - pruned > _PRUNE_S or not pruned:
                    pruned = time.monotonic()
                    # Somebody else may prune at the same time: what is gone already is no trouble.
                    with contextlib.suppress(OSError):
                        await asyncio.to_thread(prune.prune, self._root)
                await self._trim_once_quiet()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._engine.died.wait(), _SWEEP_S)
                self._engine.died.clear()
        finally:
            events.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await events

    async def _trim_once_quiet(self) -> None:
        """No start should wait for the sizing of many files. Another user than root could not give the space back."""
        if self._trimmed or os.geteuid() != 0 or time.monotonic() - self._busy_at < _QUIET_S:
            return
        self._trimmed = True
        with contextlib.suppress(OSError):
            await asyncio.to_thread(caches.trim, self._root)

    async def _sweep(self) -> None:
        open_runs = layout.open_names(self._root)
        if open_runs:
            self._busy_at, self._trimmed = time.monotonic(), False
            await self._revive_gateway()
        self._looked_at = time.time()
        containers = await self._engine.containers()
        if containers is None:
            return
        for name, container in containers.items():
            if self._is_left_over(name, container):
                await engine.remove(container)
        for name in open_runs:
            try:
                if kin.is_orphan(self._root, name):
                    self._begin(name, self._end_orphan(name))
                await self._keep(name, containers.get(name))
            except OSError as error:
                # It was discarded meanwhile, or the disk is full: then the next sweep tries again, and the container stays.
                print(f"{name}: {error}", file=sys.stderr, flush=True)
        try:
            for name in await asyncio.to_thread(starts.advance, self._root):
                self._launch(name)
            await asyncio.to_thread(starts.make_room, self._root)
        except OSError as error:
            print(f"queue: {error}", file=sys.stderr, flush=True)

    async def _revive_gateway(self) -> None:
        """After some sweeps without it: one that is being replaced is left alone."""
        if await asyncio.to_thread(gateway.alive, self._root):
            self._gateway_lost = 0
            return
        self._gateway_lost += 1
        if self._gateway_lost > _PATIENCE:
            self._gateway_lost = 0
            await asyncio.to_thread(gateway.revive, self._root)

    def _is_left_over(self, name: str, container: dict[str, Any]) -> bool:
        """Its end is written down and removing it failed then; or its run directory, which is there before it, was removed."""
        if layout.known(self._root, name):
            return not layout.is_open(self._root, name) and container["State"]["Status"] in (
                "exited",
                "dead",
                "created",
            )
        return bool(layout.NAME.fullmatch(name))

    async def _keep(self, name: str, container: dict[str, Any] | None) -> None:
        if starts.is_waiting(self._root, name):
            return
        if starts.is_starting(self._root, name):
            if container is None or container["State"]["Status"] == "created":
                # Whoever let it in starts it, or went away meanwhile.
                self._launch(name, made=container is not None)
                return
            starts.settle(self._root, name)
        if container is None:
            if not self._is_starting(name):
                self._close(name, {"state": "vanished", "exit_code": None, "oom_killed": False, "error": ""})
        elif container["State"]["Status"] in ("exited", "dead"):
            if self._was_stopped(name) and await self._engine.is_going():
                return  # told when the engine is back
            self._close(name, _ending(container) | {"cause": self._cause(name, container)})
            await engine.remove(container)
        else:
            await self._bound(name, container["Id"])

    def _was_stopped(self, name: str) -> bool:
        """Whether something from outside ended it: a person, us, or the engine on its way out."""
        ended = layout.read_json(os.path.join(layout.run(self._root, name), "out", "exit.json"))
        return ended is None or ended.get("reason") == "stopped"

    def _cause(self, name: str, container: dict[str, Any]) -> str | None:
        """What took more than this container with it."""
        record = layout.read_json(os.path.join(layout.run(self._root, name), "run.json")) or {}
        if record.get("boot_id", layout.boot_id()) != layout.boot_id():
            return "reboot"
        return "engine" if self._engine.took(container) else None

    def _is_starting(self, name: str) -> bool:
        """`docker run` comes after the run directory: a young run whose supervisor wrote nothing yet is on its way."""
        directory = layout.run(self._root, name)
        begun = os.lstat(os.path.join(directory, "out", "out.jsonl")).st_size > 0
        return self._looked_at - os.stat(directory).st_mtime < (_STARTED_S if begun else _STARTING_S)

    async def _end_orphan(self, name: str) -> None:
        if not (await asyncio.to_thread(starts.withdraw, self._root, {"name": name}))["withdrawn"]:
            await engine.docker("stop", name)

    def _launch(self, name: str, *, made: bool = False) -> None:
        self._begin(name, asyncio.to_thread(starts.launch_or_close, self._root, name, made=made))

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        if name in self._tasks:
            work.close()
            return
        task = self._tasks[name] = asyncio.create_task(work)
        task.add_done_callback(lambda done: self._done(name, done))

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        del self._tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"{name}: {error}", file=sys.stderr, flush=True)

    def _close(self, name: str, ending: dict[str, Any]) -> None:
        ends.write(self._root, name, {**ending, "killed_for": self._killed_for.get(name)})
        self._killed_for.pop(name, None)

    async def _bound(self, name: str, container_id: str) -> None:
        out = os.path.join(layout.run(self._root, name), "out")
        turn = layout.read_json(os.path.join(out, "turn.json")) or {}
        deadline = turn.get("deadline")
        if isinstance(deadline, (int, float)) and time.time() > deadline + _OVERRUN_S:
            await self._kill(name, container_id, "timeout")
            return
        with contextlib.suppress(OSError):
            if os.lstat(os.path.join(out, "out.jsonl")).st_size > LOG_LIMIT:
                await self._kill(name, container_id, "log_size")

    async def _kill(self, name: str, container_id: str, reason: str) -> None:
        self._killed_for[name] = reason
        await engine.docker("kill", container_id)


def _ending(container: dict[str, Any]) -> dict[str, Any]:
    state = container["State"]
    return {
        "id": container["Id"],
        "state": "exited",
        "exit_code": state["ExitCode"],
        "oom_killed": state["OOMKilled"],
        "started_at": state["StartedAt"],
        "finished_at": state["FinishedAt"],
        "error": state["Error"],
    }


def main(root: str) -> int:
    """Become the keeper of `root`, detached from whoever called; do nothing if there is one already."""
    os.makedirs(root, mode=0o750, exist_ok=True)
    lock = _lock(root)
    if lock is None or os.fork():
        return 0
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _redirect(root)
    while lock is not None:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        asyncio.run(Keeper(root).run())
        os.close(lock)
        # A run that began while this one was about to leave found the lock taken: it is looked for once more.
        lock = _lock(root) if layout.open_names(root) else None
    return 0


def ensure(root: str) -> None:
    """Start the keeper of `root` unless it lives."""
    lock = _lock(root)
    if lock is None:
        return
    os.close(lock)
    script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "remote.py")
    null = subprocess.DEVNULL
    argv = [sys.executable, "-s", "-E", script, "keeper", root]
    # It goes on by itself in a child of its own; this one ends at once.
    subprocess.run(argv, stdin=null, stdout=null, stderr=null, timeout=60, check=True)


def stop(root: str) -> None:
    """End the keeper of `root`, if there is one. The runs go on; the next one starts a keeper again."""
    lock = _lock(root)
    if lock is None:
        with open(os.path.join(root, "keeper.lock"), encoding="ascii") as file:
            # Its session, with the `docker events` it reads.
            os.killpg(int(file.read()), signal.SIGTERM)
    else:
        os.close(lock)


def _lock(root: str) -> int | None:
    lock = os.open(os.path.join(root, "keeper.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _redirect(root: str) -> None:
    log = os.open(os.path.join(root, "keeper.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.chdir("/")
