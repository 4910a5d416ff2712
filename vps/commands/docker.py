"""Docker's command line, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vps.commands import caches
from vps.commands.caches import Cache
from vps.container.paths import ATTACHMENTS, CLI_GROUP, SCRATCH
from vps.host.layout import LABEL_ROOT, LABEL_RUN
from vps.models import Limits, Origin
from vps.shell import Cmd, cmd

NAME_PREFIX = "claude-agent-"
AGENT_ID = 1001
_RUN = "/run/agentflow"
_HOME = "/home/claude"
_STOP_TIMEOUT_S = 20
"""More than the supervisor's grace and kill together, so that it can write down the end itself."""
_CAPABILITIES = ("SETUID", "SETGID", "SETPCAP", "KILL", "DAC_OVERRIDE")
"""To start the agent as its user and to end it, and to measure what it keeps on the disk, also where it lets nobody look. Not
DAC_READ_SEARCH, which would do for that: it opens any file of the host's by its handle (open_by_handle_at(2))."""
_SANDBOX_TASKS = 10
"""gVisor keeps several tasks of the host for each of a container's, and all count: with 200 it ended as the CLI started (measured).
"""
_SHARED_MEMORY = "64m"
"""Docker's own default, whatever the daemon's is: /dev/shm counts to the memory limit."""


@dataclass(frozen=True, slots=True)
class Container:
    """What `run_agent` needs to know: paths are the host's."""

    name: str
    image: str
    root: str
    workspace: str
    library: str
    gid: int
    """The SSH user's group: the supervisor joins it to write in run directories that are not root's."""
    limits: Limits
    origin: Origin
    cache: Cache
    net: str
    """The directory of its own sockets at the gateway."""
    children: str
    """The directory that the trees of its children come into."""
    vault: str | None = None
    """The control plane's repository whose objects the workspace borrows."""
    branch: str = ""
    parent: str = ""
    """The run whose agent started it."""
    runtime: str | None = None
    """Another than the engine's default, such as `runsc`."""


def run_agent(container: Container) -> Cmd:
    """Start an agent's container, detached. Nothing secret is in it, and no network but the sockets of the gateway.

    The capabilities are the supervisor's alone; it drops every one of them for the agent's processes.
    """
    limits = container.limits
    pids = limits.pids * (_SANDBOX_TASKS if container.runtime else 1)
    return cmd(
        "docker", "run", "--detach", "--pull", "never", "--init", ("--runtime", container.runtime) if container.runtime else None,
        "--name", container.name, "--hostname", "agent", "--network", "none",
        "--user", "0:0", "--group-add", container.gid, ("--group-add", CLI_GROUP) if container.runtime else None,
        "--cap-drop", "ALL", [("--cap-add", name) for name in _CAPABILITIES],
        "--security-opt", "no-new-privileges", "--read-only", "--shm-size", _SHARED_MEMORY,
        "--memory", limits.memory, "--memory-swap", limits.memory, "--cpus", f"{limits.cpus:g}", "--pids-limit", pids,
        "--ulimit", "nofile=4096:4096", "--ulimit", f"fsize={limits.disk}:{limits.disk}", "--stop-timeout", _STOP_TIMEOUT_S,
        "--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=2",
        [("--label", f"{key}={value}") for key, value in labels(container).items()],
        _mounts(container),
        container.image, "python3", "-I", "-S", f"{_RUN}/lib/vps/remote.py", "supervise",
    )  # fmt: skip


def labels(container: Container) -> Mapping[str, str]:
    """What `docker ps` alone has to tell: whose it is, where it works, where its thread hangs."""
    origin = container.origin
    thread = {"agentflow.channel": origin.channel_id, "agentflow.thread": origin.thread_id}
    return {
        LABEL_ROOT: container.root,
        LABEL_RUN: container.name,
        "agentflow.workspace": container.workspace,
        **({"agentflow.branch": container.branch} if container.branch else {}),
        **({"agentflow.parent": container.parent} if container.parent else {}),
        "agentflow.caller": origin.caller,
        "agentflow.surface": origin.surface,
        **{key: str(value) for key, value in thread.items() if value is not None},
    }


def _mounts(container: Container) -> list[tuple[str, str]]:
    run = f"{container.root}/runs/{container.name}"
    binds = [
        (f"{run}/in", f"{_RUN}/in", True),
        (f"{run}/out", f"{_RUN}/out", False),
        (f"{run}/attachments", ATTACHMENTS, True),
        (container.library, f"{_RUN}/lib", True),
        (container.net, f"{_RUN}/net", True),
        (f"{container.root}/sessions/{container.name}", f"{_HOME}/.claude/projects", False),
        # At its own path: git's links between worktrees and the CLI's sessions are bound to it.
        (container.workspace, container.workspace, False),
        # These too: git finds their objects in the vault.
        (container.children, container.children, True),
    ]
    if container.vault:
        binds.append((container.vault, container.vault, True))
    cache = container.cache
    if cache.lower is None:
        binds.append((cache.own, caches.PLACE, False))
    mounts = [bind(*each) for each in binds] + ([caches.layered(cache, container.root)] if cache.lower else [])
    return [("--mount", mount) for mount in [*_writable(container.root), *mounts]]


def _writable(root: str) -> list[str]:
    """What can be written besides: fresh anonymous volumes, on disk and not in the memory limit, which go with the container.

    They cost a start nothing: 220 ms with and without them, 227 ms with tmpfs (medians of 10). HOME begins as the image has it;
    the others begin empty, since a build's leftovers there took 300 ms to copy, and the supervisor opens them to all.
    """
    label = f"volume-label={LABEL_ROOT}={root}"
    scratch = [f"type=volume,dst={place},volume-nocopy,{label}" for place in SCRATCH]
    return [f"type=volume,dst={_HOME},{label}", *scratch]


def bind(source: str, target: str, read_only: bool) -> str:  # noqa: FBT001  the third column of a table
    """A `--mount` of a directory of the host's."""
    return f"type=bind,src={source},dst={target}" + (",readonly" if read_only else "")


def own_workspace(image: str, workspace: str, *, make_repository: bool) -> Cmd:
    """Give a workspace to the agents' user, in a throwaway container: the SSH user may not be root.

    Links are not followed. A fresh one becomes a git repository with one empty commit, so that changes can be told.
    """
    script = f'chown -R -h {AGENT_ID}:{AGENT_ID} -- "$1"'
    if make_repository:
        identity = "-c user.name=AgentFlow -c user.email=agentflow@localhost"
        git = f'git {identity} -C "$1"'
        script += (
            f" && setpriv --reuid {AGENT_ID} --regid {AGENT_ID} --clear-groups -- sh -c '{git} init -q -b main"
            f' && {git} commit -q --allow-empty -m "Start the scratch workspace"\' init "$1"'
        )
    return cmd(
        "docker", "run", "--rm", "--network", "none", "--read-only", "--user", "0:0", "--cap-drop", "ALL",
        [("--cap-add", name) for name in ("CHOWN", "DAC_READ_SEARCH", "SETUID", "SETGID")],
        "--security-opt", "no-new-privileges", "--mount", bind(workspace, workspace, read_only=False),
        image, "sh", "-c", script, "own", workspace,
    )  # fmt: skip


def remove_as_root(image: str, directory: str, names: list[str]) -> Cmd:
    """Remove what containers left in `directory` and the SSH user may not remove, in a throwaway container.

    FOWNER: in a sticky directory nobody but the owner removes anything without (capabilities(7)).
    """
    return cmd(
        "docker", "run", "--rm", "--network", "none", "--read-only", "--user", "0:0",
        "--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--cap-add", "FOWNER",
        "--security-opt", "no-new-privileges", "--mount", bind(directory, "/from", read_only=False), "--workdir", "/from",
        image, "rm", "-rf", "--", names,
    )  # fmt: skip


def stop(container_id: str) -> Cmd:
    """SIGTERM, and after the container's own stop timeout SIGKILL."""
    return cmd("docker", "stop", container_id)


def remove(container_id: str) -> Cmd:
    """Remove a container, running or not, with its anonymous volumes."""
    return cmd("docker", "rm", "--force", "--volumes", container_id)


def left_volumes(root: str) -> Cmd:
    """Prints the names of a root's volumes that no container has, of those that people removed without `--volumes`, a line each."""
    # Not `docker volume prune`: it leaves volumes with mount options alone (measured with 20.10).
    return cmd(
        "docker", "volume", "ls", "--quiet", "--filter", "dangling=true", "--filter", f"label={LABEL_ROOT}={root}"
    )


def remove_volumes(names: list[str]) -> Cmd:
    """Remove volumes; what an overlay's directories hold stays."""
    return cmd("docker", "volume", "rm", "--force", names)


def list_agents() -> Cmd:
    """Every container of an agent's name, running or gone, started by us or by hand: one JSON object a line."""
    return cmd(
        "docker", "ps", "--all", "--no-trunc", "--filter", f"name=^/?{NAME_PREFIX}", "--format", "{{json .}}"
    )  # fmt: skip


def list_labelled(label: str, value: str, *, running: bool) -> Cmd:
    """The containers with a label, running ones only or all: one JSON object a line."""
    return cmd(
        "docker", "ps", None if running else "--all", "--no-trunc", "--filter", f"label={label}={value}", "--format", "{{json .}}"
    )  # fmt: skip


def inspect(*container_ids: str) -> Cmd:
    """A JSON array of the containers' details."""
    return cmd("docker", "inspect", "--type", "container", container_ids)


def stats(*container_ids: str) -> Cmd:
    """CPU and memory now, one JSON object a line; takes about two seconds however many they are (measured).

    It fails for all when one of them is gone. At least one has to be named: without, Docker tells of every container there is.
    """
    if not container_ids:
        raise ValueError("no container is named")
    return cmd("docker", "stats", "--no-stream", "--format", "{{json .}}", container_ids)


def logs(container_id: str, lines: int) -> Cmd:
    """The last lines of a container's own output."""
    return cmd("docker", "logs", "--tail", lines, container_id)


def version() -> Cmd:
    """The engine's version; fails where none answers."""
    return cmd("docker", "version", "--format", "{{.Server.Version}}")


def info() -> Cmd:
    """What the engine is, as one JSON object."""
    return cmd("docker", "info", "--format", "{{json .}}")


def try_runtime(image: str, runtime: str) -> Cmd:
    """Ends with 0 if the CLI of an image starts in a runtime, as the agents' user."""
    return cmd(
        "docker", "run", "--rm", "--pull", "never", "--runtime", runtime, "--network", "none", "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--read-only", "--tmpfs", SCRATCH[0], "--group-add", CLI_GROUP,
        image, "claude", "--version",
    )  # fmt: skip
