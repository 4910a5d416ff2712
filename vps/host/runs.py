"""Makes, lists and reads run directories. Answers are one JSON object on stdout; a refusal is `{"refused": …}`."""

from __future__ import annotations

import base64
import os
import shutil
import time
from typing import Any

from vps.host import attachments, caches, claims, digest, families, gateway, inbox, keyring, layout, starts, workspaces
from vps.host.files import open_regular
from vps.host.refused import Refused

_NEEDED_BYTES = 256 << 20
_RESERVE_BYTES = 32 << 10
_AGENT_ID = 1001


def prepare(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Check the workspace and the disk, then make the whole run directory or nothing of it.

    request: name, workspace, run (object), argv, argv_resume, environ (words), secrets (names), home (texts by path),
    limits (object), inbox (text), network, budget_usd (or None).
    A workspace where an agent works already is answered with `busy`, the names of those, and nothing is made. Where the run is
    there, this was cut off and is asked again: nothing more is made, and `admitted` is what `admit` answered, if it was asked.
    """
    if _record(root, request["name"]) is None:
        _check_disk(root)
    workspaces.ask_to_sleep(root, *(workspaces.name_of(root, os.path.realpath(request["workspace"])) or ("",))[:1])
    with workspaces.one_at_a_time(root):
        there = _record(root, request["name"])
        workspace, fresh = _workspace(root, there["workspace"] if there else request["workspace"])
        name, inside = workspaces.name_of(root, workspace) or ("", "")
        place = {"workspace": workspace, "workspace_name": name, "inside": inside}
        if there is None and (busy := workspaces.at_work(root).get(name)):
            return {**place, "busy": busy}
        cache = caches.provide(root, workspace)
        if there is None:
            _make(root, request, place)
        admitted = starts.admitted(root, request["name"]) if there else None
        spec = _net_spec(request, name)
        net = gateway.admit(root, request["name"], spec) if admitted is None else gateway.place(root, request["name"])
        children = families.provide(root, request["name"])
    return {
        **place,
        "busy": [],
        "admitted": admitted,
        "owned": not fresh and os.lstat(workspace).st_uid == _AGENT_ID,
        "fresh": fresh,
        "gid": os.getgid(),
        "net": net,
        "vault": workspaces.vault(root, name),
        "cache": cache,
        "children": children,
    }


def check(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Refuse what `prepare` would refuse, before anything long is done for it."""
    _check_disk(root)
    keyring.granted(root, request["secrets"])
    with workspaces.one_at_a_time(root):
        _workspace(root, request["workspace"])
    return {}


def _record(root: str, name: str) -> dict[str, Any] | None:
    """Of a run that is there."""
    return layout.read_json(os.path.join(layout.run(root, name), "run.json")) if layout.known(root, name) else None


def _make(root: str, request: dict[str, Any], place: dict[str, str]) -> None:
    directory = layout.run(root, request["name"])
    _private(layout.runs(root))
    building = directory + ".new"
    secrets = keyring.granted(root, request["secrets"])
    # Under the lock nobody else is at it: whoever was has gone.
    shutil.rmtree(building, ignore_errors=True)
    os.mkdir(building, 0o750)
    try:
        _fill(building, request, place)
        if secrets:
            _write(building, "in/secrets", _words(secrets), 0o600)
        _session(root, request["name"])
        os.rename(building, directory)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _check_disk(root: str) -> None:
    free = shutil.disk_usage(root).free
    if free < _NEEDED_BYTES:
        message = f"the host has {free >> 20} MiB of disk left; an agent needs {_NEEDED_BYTES >> 20} MiB"
        raise Refused("disk", message, "Free some with `agentflow prune` or `docker system prune`.")


def _workspace(root: str, given: str) -> tuple[str, bool]:
    """The real path, and whether it still has to be made a repository. To be called under the lock."""
    scratch, shared = os.path.join(root, "workspace"), os.path.join(root, "workspaces")
    real = os.path.realpath(given)
    if real != os.path.realpath(scratch) and not real.startswith(os.path.realpath(shared) + os.sep):
        raise Refused("workspace_path", f"{given} is not a workspace", f"Use {scratch} or a directory below {shared}.")
    if any(sign in real for sign in ',:"\n'):
        raise Refused("workspace_path", f"{given} has a sign Docker cannot mount", "Rename it without , : and quotes.")
    if real == os.path.realpath(scratch):
        claims.refuse_leaving(root, workspaces.SCRATCH)
        os.makedirs(real, exist_ok=True)
        return real, not os.path.lexists(os.path.join(real, ".git"))
    name, _ = workspaces.name_of(root, real) or (".", "")
    if name == workspaces.SCRATCH or name.startswith("."):
        raise Refused("workspace_path", f"{given} has a name no workspace can have", "Rename it.")
    claims.refuse_leaving(root, name)
    if not os.path.isdir(real):
        raise Refused(
            "workspace_path", f"{given} does not exist on the host", f"Clone or create it below {shared} first."
        )
    return real, False


def _private(directory: str) -> None:
    os.makedirs(directory, mode=0o700, exist_ok=True)


def _fill(directory: str, request: dict[str, Any], place: dict[str, str]) -> None:
    workspace = place["workspace"]
    for part, mode in (("in", 0o750), ("out", 0o770)):
        os.mkdir(os.path.join(directory, part))
        os.chmod(os.path.join(directory, part), mode)  # whatever the umask
    attachments.provide(directory)
    words = request["environ"] + [f"PWD={workspace}"]
    write_json = _json_writer(directory)
    where = {name: place[name] for name in ("workspace", "workspace_name")}
    net = _net_spec(request, place["workspace_name"])
    write_json("run.json", {**request["run"], **where, "boot_id": layout.boot_id(), "net": net})
    write_json("in/limits.json", request["limits"])
    for name, given in (("in/argv", "argv"), ("in/argv-resume", "argv_resume")):
        _write(directory, name, _words([word.replace("{workspace}", workspace) for word in request[given]]))
    _write(directory, "in/environ", _words(words))
    _write(directory, "in/home", _words([word for pair in request["home"].items() for word in pair]), 0o600)
    _write(directory, "in/inbox.jsonl", request["inbox"].encode())
    # Room for the last words on a disk that is full by then.
    _write(directory, "out/reserve", os.urandom(_RESERVE_BYTES))
    _write(directory, "reserve", os.urandom(_RESERVE_BYTES))
    for name in ("out/out.jsonl", "out/err.log"):
        _write(directory, name, b"", 0o660)


def _json_writer(directory: str) -> Any:
    import json

    def write(name: str, value: dict[str, Any]) -> None:
        _write(directory, name, json.dumps(value).encode())

    return write


def _words(words: list[str]) -> bytes:
    return b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in words)


def _write(directory: str, name: str, data: bytes, mode: int = 0o640) -> None:
    descriptor = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)


def _session(root: str, name: str) -> None:
    """Any uid may write here, since the SSH user may not be able to give it to uid 1001; the parent keeps others out."""
    _private(os.path.join(root, "sessions"))
    directory = os.path.join(root, "sessions", name)
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o777)  # noqa: S103  the parent keeps all others out


def _net_spec(request: dict[str, Any], workspace: str) -> dict[str, Any]:
    """What the gateway has to know of it."""
    origin = request["run"].get("origin", {})
    return {
        "network": request["network"],
        "person": str(origin.get("behalf") or origin.get("caller", "")),
        "parent": request["run"].get("kin", {}).get("parent", ""),
        "workspace": workspaces.base(workspace),
        "budget_usd": request["budget_usd"],
    }


def describe(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Runs with what their files say: all, or the one called `name`; of those, the last `tail` bytes of the log, and with it
    what the whole log says (see vps.host.digest). `queue` is the place of one that waits."""
    wanted = request.get("name")
    names = [wanted] if wanted else layout.names(root)
    places = starts.places(root) if wanted is None or starts.is_waiting(root, wanted) else {}
    runs = [{**_describe(root, name, int(request.get("tail", 0))), "queue": places.get(name)} for name in names]
    return {"now": time.time(), "runs": runs, "secrets": keyring.stamp(root)}


def _describe(root: str, name: str, tail: int) -> dict[str, Any]:
    directory = layout.run(root, name)
    log = os.path.join(directory, "out", "out.jsonl")
    data, start, size = _tail(log, tail)
    return {
        "name": name,
        "run": layout.read_json(os.path.join(directory, "run.json")),
        "docker": layout.read_json(os.path.join(directory, "docker.json")),
        "exit": layout.read_json(os.path.join(directory, "out", "exit.json")),
        "idle": inbox.is_idle(root, name),
        "size": size,
        "start": start,
        "quiet_s": quiet_s(log),
        "log": base64.b64encode(data).decode("ascii"),
        "errors": _tail(os.path.join(directory, "out", "err.log"), 2000 if tail else 0)[0].decode("utf-8", "replace"),
        **(digest.of(root, name) if tail else {"turns": 0, "kept": []}),
    }


def quiet_s(log: str) -> float:
    """Seconds since something was written to a log; 0 where there is none."""
    try:
        return max(0.0, time.time() - os.lstat(log).st_mtime)
    except OSError:
        return 0.0


def _tail(path: str, limit: int) -> tuple[bytes, int, int]:
    """The last `limit` bytes, where they begin, and the file's size; nothing where there is no regular file."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return b"", 0, 0
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        start = max(0, size - limit)
        file.seek(start)
        return file.read(limit), start, size
