"""The gateway's container, as values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vps.commands.docker import bind
from vps.host.layout import LABEL_ROOT
from vps.proxy import paths
from vps.shell import Cmd, cmd

LABEL = "agentflow.gateway"
_LIBRARY = "/run/agentflow/lib"
_MEMORY = "1g"
_TEMPORARY = "/tmp"  # noqa: S108  the container's own
_THREADS = 4096
"""A request that waits has one, for every agent and each of its own agents."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What `run` needs to know: paths are the host's, `uid` and `gid` the SSH user's."""

    root: str
    image: str
    library: str
    version: str
    uid: int
    gid: int


def name(root: str) -> str:
    """The container's name; it must not be one of an agent's."""
    return f"agentflow-gateway-{hashlib.sha256(root.encode()).hexdigest()[:8]}"


def image_beside(agent_image: str) -> str:
    """The gateway's image has the tag of the agents'."""
    tag = agent_image.rpartition(":")[2] if ":" in agent_image.rpartition("/")[2] else "latest"
    return f"agentflow-gateway:{tag}"


def run(gateway: Gateway) -> Cmd:
    """Start it, detached; Docker starts it again whenever it ends. It is trusted: the host's network is its own, and it
    holds the credential in a file that no agent's container has."""
    return cmd(
        "docker", "run", "--detach", "--pull", "never", "--init", "--name", name(gateway.root), "--restart", "unless-stopped",
        "--network", "host", "--user", f"{gateway.uid}:{gateway.gid}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
        "--read-only", "--tmpfs", _TEMPORARY, "--memory", _MEMORY, "--pids-limit", _THREADS,
        "--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=2",
        "--label", f"{LABEL_ROOT}={gateway.root}", "--label", f"{LABEL}={gateway.version}",
        "--mount", bind(f"{gateway.root}/gateway", paths.HOME, read_only=False),
        "--mount", bind(gateway.library, _LIBRARY, read_only=True),
        gateway.image, "python3", "-I", "-S", f"{_LIBRARY}/vps/remote.py", "gateway",
    )  # fmt: skip


def build(directory: str, *, image: str, agent_image: str, inputs: str) -> Cmd:
    """Build its image from the context in `directory`, on the agents' image."""
    arguments = {"AGENT_IMAGE": agent_image, "AGENTFLOW_INPUTS": inputs}
    return cmd(
        "docker", "build", "--network", "host", "--force-rm", "--tag", image,
        [("--build-arg", f"{key}={value}") for key, value in arguments.items()], directory,
    )  # fmt: skip
