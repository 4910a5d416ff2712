"""The host's side of the gateway: who may use it, with what, and whether it is there. See vps.proxy.paths for its files."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Generator
from typing import Any

from vps.host import layout, workspaces
from vps.host.files import write_atomically
from vps.host.refused import Refused
from vps.proxy import books

_BOUND_S = 2.0
_START_S = 60.0
_READY_S, _LOOK_S = 20.0, 0.05
_WORKSPACE = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,127}")


def home(root: str) -> str:
    """The gateway's directory."""
    return os.path.join(root, "gateway")


def place(root: str, name: str) -> str:
    """The directory of a run's sockets."""
    return os.path.join(home(root), "runs", name)


def is_admitted(root: str, name: str) -> bool:
    """Whether a run may use it."""
    return os.path.lexists(_spec(root, name))


def admit(root: str, name: str, spec: dict[str, Any]) -> str:
    """Let a run use it, as `spec` says (network, person, workspace, budget_usd, parent); the directory of its sockets."""
    where = place(root, name)
    for directory in ("specs", "allowed", "runs"):
        os.makedirs(os.path.join(home(root), directory), mode=0o700, exist_ok=True)
    os.makedirs(where, exist_ok=True)
    os.chmod(where, 0o755)  # noqa: S103  the agent's uid looks in; no other container has the directory
    notices = os.path.join(where, "notices.jsonl")
    os.close(os.open(notices, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644))
    os.chmod(notices, 0o644)
    if not is_admitted(root, name):
        os.truncate(notices, 0)  # of a life before
        os.utime(where)
        _write(_spec(root, name), {**spec, "ancestors": _ancestors(root, str(spec.get("parent", "")))})
    return where


def _ancestors(root: str, parent: str) -> dict[str, Any]:
    """The runs whose budgets it uses besides its own, and what those are."""
    above = (layout.read_json(_spec(root, parent)) or {}) if layout.known(root, parent) else {}
    return {**above.get("ancestors", {}), parent: above.get("budget_usd")} if parent else {}


def revoke(root: str, name: str) -> None:
    """The run has ended: its sockets lead nowhere from now on."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_spec(root, name))


def _spec(root: str, name: str) -> str:
    return os.path.join(home(root), "specs", f"{name}.json")


def _write(path: str, value: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(value).encode(), 0o600)


def stands(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Take over `settings` and `credential` (or None) where they changed, and tell whether the gateway is there (`alive`), in which
    `version`, and as whom it has to run (`uid`, `gid`)."""
    os.makedirs(home(root), mode=0o700, exist_ok=True)
    with _locked(root):
        if layout.read_json(os.path.join(home(root), "settings.json")) != request["settings"]:
            _write(os.path.join(home(root), "settings.json"), request["settings"])
        if request["credential"] is not None:
            _take(root, request["credential"])
    start = layout.read_json(_start(root)) or {}
    return {"alive": alive(root), "version": start.get("version", ""), "uid": os.getuid(), "gid": os.getgid()}


def _take(root: str, credential: dict[str, Any]) -> None:
    """One that was given before stays as it is: it may have been renewed since."""
    path = os.path.join(home(root), "credential.json")
    if (layout.read_json(path) or {}).get("given") != _digest(credential):
        _write(path, {**credential, "given": _digest(credential)})


def _digest(credential: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(credential, sort_keys=True).encode()).hexdigest()


def renew(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Take over a credential, also one that was given before: whoever asks for it says that it holds. The answer has the `kind` of
    the one before.

    One given `by_hand` stays although the settings that give another one are not changed: those were given before it.
    """
    os.makedirs(home(root), mode=0o700, exist_ok=True)
    path = os.path.join(home(root), "credential.json")
    with _locked(root):
        before = layout.read_json(path) or {}
        given = before.get("given") if request["by_hand"] else _digest(request["credential"])
        _write(path, {**request["credential"], "given": given, "renewed_at": time.time()})
    return {"kind": before.get("kind", "")}


def alive(root: str) -> bool:
    """Whether somebody answers at the gate."""
    handle = -1
    try:
        # A socket's path may have 107 bytes (unix(7)), the directory's more: the way through its descriptor is short.
        handle = os.open(home(root), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with socket.socket(socket.AF_UNIX) as gate:
            gate.settimeout(_BOUND_S)
            gate.connect(f"/proc/self/fd/{handle}/gate.sock")
    except OSError:
        return False
    else:
        return True
    finally:
        if handle >= 0:
            os.close(handle)


def start(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Make its container anew by the given `command`; how that ended (`exit_code`, `stderr`). request: command, name, version."""
    with _locked(root):
        # Before it is written down: one that Docker does not remove goes on, as the version it is.
        _docker("rm", "--force", request["name"])
        _write(_start(root), request)
        done = subprocess.run(request["command"], capture_output=True, timeout=_START_S, check=False)
        # Whoever asks while it is not there yet would make it anew, and cut off the runs that use it by then.
        until = time.monotonic() + _READY_S
        while done.returncode == 0 and not alive(root) and time.monotonic() < until:
            time.sleep(_LOOK_S)
    return {"exit_code": done.returncode, "stderr": done.stderr.decode("utf-8", "replace")}


def remove(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Remove its container (`name`), so that nobody starts it again. Its files stay."""
    with _locked(root) if os.path.isdir(home(root)) else contextlib.nullcontext():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_start(root))
        _docker("rm", "--force", request["name"])
    return {}


def revive(root: str) -> None:
    """Start it again where it is gone although nobody wants that: it was stopped or removed by hand, or Docker gave up."""
    if layout.read_json(_start(root)) is None or alive(root):
        return
    with _locked(root):
        # Whoever held the lock may have started another one, or removed it for good.
        known = layout.read_json(_start(root))
        if known is None or alive(root):
            return
        if _docker("start", known["name"]) != 0:
            _docker("rm", "--force", known["name"])
            subprocess.run(known["command"], capture_output=True, timeout=_START_S, check=False)


def _docker(*words: str) -> int:
    return subprocess.run(["docker", *words], capture_output=True, timeout=_START_S, check=False).returncode


def _start(root: str) -> str:
    return os.path.join(home(root), "start.json")


def allow(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Let a run (`name`), or with `always` the workspace it works in, reach a `host` besides.

    The answer has that `workspace`; a further tree has its workspace's.
    """
    with _locked(root):
        spec = layout.read_json(_spec(root, request["name"]))
        if spec is None and not request["always"]:
            raise Refused("container_id", f"{request['name']} has ended", "Allow it for the workspace, with `always`.")
        if spec is not None and spec.get("network") == "none" and not request["always"]:
            raise Refused(
                "container_id", f"{request['name']} has no network", "Spawn it again with `network:restricted`."
            )
        record = layout.read_json(os.path.join(layout.run(root, request["name"]), "run.json")) or {}
        workspace = workspaces.base(str(record.get("workspace_name", "")))
        if request["always"]:
            _add(_allowed(root, workspace), request["host"])
        if spec is not None:
            _add(_spec(root, request["name"]), request["host"])
    return {"workspace": workspace}


def forget(root: str, workspace: str) -> None:
    """A workspace is gone: one that gets its name later begins without what was allowed to it."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_allowed(root, workspace))


def _allowed(root: str, workspace: str) -> str:
    if not _WORKSPACE.fullmatch(workspace):
        raise Refused("workspace", f"{workspace} has a name no workspace can have", "Rename it.")
    return os.path.join(home(root), "allowed", f"{workspace}.json")


def _add(path: str, host: str) -> None:
    found = layout.read_json(path) or {}
    hosts = list(found.get("hosts", []))
    if host not in hosts:
        _write(path, {**found, "hosts": [*hosts, host]})


def grant(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Add to a budget. request: scope (run, person, day), key (a run's name, a person's id, or nothing), usd, by."""
    path = os.path.join(home(root), "grants.json")
    with _locked(root):
        kept = list((layout.read_json(path) or {}).get("grants", []))
        _write(path, {"grants": [*kept[-999:], {**request, "at": time.time()}]})
    return {}


def usage(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """What was spent in the last `days` (see vps.proxy.books.usage), how the credential stands (`status`), `settings`, `grants`,
    the `specs` of the runs that use it, whether it is there (`alive`) and was ever started (`started`)."""
    place = os.path.join(home(root), "books.sqlite3")
    empty: dict[str, Any] = {"days": [], "people": [], "models": [], "runs": [], "totals": {}}
    specs = _specs(root)
    spent = books.usage(place, int(request["days"]), specs) if os.path.exists(place) else empty
    files = {
        name: layout.read_json(os.path.join(home(root), f"{name}.json")) or {}
        for name in ("status", "settings", "grants")
    }
    stands = {"alive": alive(root), "started": layout.read_json(_start(root)) is not None, "specs": specs}
    return {**spent, **files, **stands, "now": time.time()}


def _specs(root: str) -> dict[str, Any]:
    names = [name for name in layout.names(root) if os.path.lexists(_spec(root, name))]
    return {name: layout.read_json(_spec(root, name)) or {} for name in names}


@contextlib.contextmanager
def _locked(root: str) -> Generator[None, None, None]:
    descriptor = os.open(os.path.join(home(root), ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
