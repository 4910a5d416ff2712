"""The queue of runs and their starts: one file of a run directory, whose name tells how far it is.

queue.json     it waits: the `commands` to start it with, its `number` in the queue, the `ceiling` it was asked for under; of one
               that was woken (vps.host.wakes) the bytes of its `log` by then
start.json     the same while its container is being made
started.json   the same once it has been

Files change names under the lock that workspaces are given out under, so any number of control planes and the keeper agree on who
is next. Who makes a container holds a lock on the file, and `docker run` inherits it: where its caller goes away it ends with that
command, and only then somebody else may try again. A second container of the name is refused by Docker, and a run whose log has
begun is never started again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable
from typing import Any

from vps.host import admission, docker_run, ends, inbox, layout, queue, workspaces
from vps.host.docker_run import Launch
from vps.host.files import write_atomically
from vps.host.refused import Refused

_WAITING, _STARTING, _STARTED = queue.WAITING, "start.json", "started.json"
_STOPPABLE_S = 30.0
_IN_TURN = "its turn"


def admit(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Start a prepared run, or queue it where the host has no room or others wait.

    request: name, commands (argvs of `docker run`; a later one is for where the engine refuses the one before), ceiling or None.
    The answer has its `place` and what it waits for (`why`), or how the last command ended (`exit_code`, `stderr`, `declined`).
    """
    name = request["name"]
    with workspaces.one_at_a_time(root):
        if there := admitted(root, name):
            return there
        waiting = queue.read(root)
        ticket = {"number": queue.behind(waiting), "commands": request["commands"], "ceiling": request["ceiling"]}
        first = queue.movable(root, waiting)
        why = admission.waits_for(_measured(root), first[0][1].get("ceiling") if first else request["ceiling"])
        if first or why:
            write_atomically(_path(root, name, _WAITING), json.dumps(ticket).encode(), 0o600)
            return {"place": len(waiting) + 1, "why": why or _IN_TURN}
        # Without waiting for the disk: what a power cut takes of a start, it takes of the run too.
        write_atomically(_path(root, name, _STARTING), json.dumps(ticket).encode(), 0o600, lasting=False)
    done = launch(root, name, lambda _: os.unlink(_path(root, name, _STARTING)))
    return (done or Launch(0))._asdict()


def admitted(root: str, name: str) -> dict[str, Any] | None:
    """What `admit` answers for one that it was asked for before; None for one that it was not. To be called under the lock."""
    if is_waiting(root, name):
        return places(root)[name]
    was_let_in = any(os.path.lexists(_path(root, name, file)) for file in (_STARTING, _STARTED))
    return Launch(0)._asdict() if was_let_in or not layout.is_open(root, name) else None


def _is_prepared(root: str, name: str) -> bool:
    """Whether it is there and was not asked to be let in."""
    return layout.known(root, name) and admitted(root, name) is None and not _begun(root, name)


def advance(root: str) -> list[str]:
    """Let in whoever has room, from the front of the queue; their names. Each is then to be launched."""
    with workspaces.one_at_a_time(root):
        return let_in(root)


def let_in(root: str) -> list[str]:
    """The same, to be called under the lock. One whose workspace somebody else works in lets others pass."""
    admitted: list[str] = []
    for name, ticket in queue.movable(root, queue.read(root)):
        if admission.waits_for(_measured(root), ticket.get("ceiling")):
            break
        _renew_boot(root, name)
        os.utime(_path(root, name, _WAITING))
        os.rename(_path(root, name, _WAITING), _path(root, name, _STARTING))
        admitted.append(name)
    return admitted


def make_room(root: str) -> None:
    """While others wait to start, nobody stays warm who is in their way: the next message wakes them, in their turn."""
    waiting = queue.read(root)
    held = queue.held_up(root, waiting)
    # For the host's room everybody is in the way of everybody.
    in_the_way = set(held.values()) if len(held) == len(waiting) else layout.open_names(root)
    for name in in_the_way:
        if inbox.is_idle(root, name):
            inbox.order(root, name, {"op": "sleep"})


def launch(root: str, name: str, failed: Callable[[Launch], None], *, made: bool = False) -> Launch | None:
    """Make the container of a run that was let in, or where it is `made` start it. None where somebody else does or did.

    `failed` is called while nobody else can try.
    """
    try:
        lock = os.open(_path(root, name, _STARTING), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not is_starting(root, name):
            return None
        if _begun(root, name, (layout.read_json(_path(root, name, _STARTING)) or {}).get("log", 0)):
            settle(root, name)
            return None
        done = docker_run.run(_commands(root, name) if not made else [["docker", "start", name]], name, lock)
        if done.exit_code == 0:
            settle(root, name)
        else:
            failed(done)
    except BlockingIOError:
        return None
    else:
        return done
    finally:
        os.close(lock)


def launch_or_close(root: str, name: str, *, made: bool = False) -> None:
    """Make the container of a run that waited, or where it is `made` start it: a command that was broken off may have left it so.

    One that the engine refuses has ended; one that it was away for waits on, in its place.
    """

    def failed(done: Launch) -> None:
        if done.exit_code is None or docker_run.is_taken(done):
            return  # it may be there by now: the next look tells
        if docker_run.engine_answers():
            ends.write(root, name, ends.never_started("refused", done.stderr.strip()[-500:]))
        else:
            os.rename(_path(root, name, _STARTING), _path(root, name, _WAITING))

    launch(root, name, failed, made=made)


def withdraw(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Take a run out of the queue, the one called `name` or all of them: it has ended, never started. The names of those.

    The one called `name` too that is prepared and was not asked to be let in yet. One that is being started is waited for, so
    that its container is there to be stopped. Raises Refused where that takes too long.
    """
    with workspaces.one_at_a_time(root):
        waiting = [name for name, _ in queue.read(root)]
        withdrawn = [name for name in waiting if request.get("name", name) == name]
        for name in withdrawn:
            ends.write(root, name, ends.never_started("withdrawn"))
            if ticket(root, name) is None:  # else it can be woken with it
                os.unlink(_path(root, name, _WAITING))
        if _is_prepared(root, request.get("name", "")):
            withdrawn = [request["name"]]
            ends.write(root, request["name"], ends.never_started("withdrawn"))
    deadline = time.monotonic() + _STOPPABLE_S
    while "name" in request and is_starting(root, request["name"]):
        if time.monotonic() >= deadline:
            # Docker would find nothing to stop, and it would start after that.
            raise Refused("container_id", f"{request['name']} is being started still", "Stop it again in a moment.")
        time.sleep(0.05)
    return {"withdrawn": withdrawn}


def room(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """How many could start now if nobody waited, what one more would wait for then, and how many wait. request: ceiling or None."""
    found = _measured(root)
    count = admission.room(found, request["ceiling"])
    full = found._replace(running=found.running + count, young=found.young + count)
    return {"room": count, "why": admission.waits_for(full, request["ceiling"]), "queued": len(queue.read(root))}


def places(root: str) -> dict[str, dict[str, Any]]:
    """The `place` of each run that waits, from 1 on, and `why` the queue does not move."""
    waiting = queue.read(root)
    if not waiting:
        return {}
    held = queue.held_up(root, waiting)
    ceiling = next((ticket.get("ceiling") for name, ticket in waiting if name not in held), None)
    why = admission.waits_for(_measured(root), ceiling) or _IN_TURN
    whys = {name: f"{other}, which works in its workspace" for name, other in held.items()}
    return {name: {"place": place, "why": whys.get(name, why)} for place, (name, _) in enumerate(waiting, 1)}


def ticket(root: str, name: str) -> dict[str, Any] | None:
    """With what a run that was let in was started, None where it never was.

    One that waited to go on may have ended with its place in the queue.
    """
    found = (layout.read_json(_path(root, name, file)) for file in (_STARTED, _STARTING))
    waited = layout.read_json(_path(root, name, _WAITING)) or {}
    return next((each for each in found if each), waited if "log" in waited else None)


def requeue(root: str, name: str, log: int) -> None:
    """Give one that has ended a place behind those who wait, with what it was started with. Its log had `log` bytes by then.

    To be called under the lock. It waits once the record of its end is gone.
    """
    again = {**(ticket(root, name) or {}), "number": queue.behind(queue.read(root)), "log": log}
    write_atomically(_path(root, name, _WAITING), json.dumps(again).encode(), 0o600)
    for file in (_STARTING, _STARTED):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_path(root, name, file))


def is_waiting(root: str, name: str) -> bool:
    """Whether it is in the queue."""
    return layout.is_open(root, name) and os.path.lexists(_path(root, name, _WAITING))


def is_starting(root: str, name: str) -> bool:
    """Whether it was let in and its container is not known to be there."""
    return layout.is_open(root, name) and os.path.lexists(_path(root, name, _STARTING))


def settle(root: str, name: str) -> None:
    """Its container is there, or was."""
    with contextlib.suppress(FileNotFoundError):
        os.rename(_path(root, name, _STARTING), _path(root, name, _STARTED))


def _path(root: str, name: str, file: str) -> str:
    return os.path.join(layout.run(root, name), file)


def _commands(root: str, name: str) -> list[list[str]]:
    return (layout.read_json(_path(root, name, _STARTING)) or {}).get("commands", [])


def _measured(root: str) -> admission.Figures:
    now, running, young = time.time(), 0, 0
    for name in layout.open_names(root):
        since = _let_in_at(root, name)
        if since is not None:
            running += 1
            young += now - since < admission.YOUNG_S
    return admission.measure(root, running, young)


def _let_in_at(root: str, name: str) -> float | None:
    """When a run was let in, epoch seconds; None where it was not. One that an earlier version started tells by its log."""
    for file in (_STARTING, _STARTED):
        with contextlib.suppress(FileNotFoundError):
            return os.lstat(_path(root, name, file)).st_mtime
    return 0.0 if _begun(root, name) else None


def _begun(root: str, name: str, log: int = 0) -> bool:
    """Whether its supervisor has said something, behind the `log` bytes of the one before."""
    try:
        return os.lstat(os.path.join(layout.run(root, name), "out", "out.jsonl")).st_size > log
    except OSError:
        return False


def _renew_boot(root: str, name: str) -> None:
    """It waited for longer than the machine ran: what ends it later is no restart that was before."""
    path = _path(root, name, "run.json")
    record = layout.read_json(path)
    if record is not None and record.get("boot_id") != layout.boot_id():
        write_atomically(path, json.dumps({**record, "boot_id": layout.boot_id()}).encode())
