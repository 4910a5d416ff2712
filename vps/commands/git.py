"""Git, as values: never as the SSH user in a tree that an agent writes, and never there with a credential."""

from __future__ import annotations

from dataclasses import dataclass

from vps.commands.docker import AGENT_ID, bind
from vps.shell import Cmd, cmd

_LIB = "/run/agentflow/lib"
_TRANSFER = "/run/agentflow/transfer"
_SCRIPT = ("python3", "-I", "-S", f"{_LIB}/vps/remote.py")
_BOUNDS = ("--security-opt", "no-new-privileges", "--pids-limit", 200, "--memory", "2g")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container of git's works: paths of the host, mounted under the same names."""

    image: str
    library: str
    tree: str = ""
    vault: str = ""
    """The control plane's repository of the workspace; empty where there is none."""
    transfer: str = ""
    """A directory of the host's that carries objects from a tree to its vault."""


def tree(place: Place, name: str, *, write: bool, own: bool = False, seconds: int = 300) -> Cmd:
    """git in an agent's tree: as the agents' user, without network or credential. The request is a JSON line on stdin.

    `own` gives the tree to that user first. `name` is the container's: what the tree's filters hold up has to be removed. It has
    no log, which they could fill the disk with.
    """
    user = "0:0" if own else f"{AGENT_ID}:{AGENT_ID}"
    capabilities = ("CHOWN", "DAC_READ_SEARCH", "SETUID", "SETGID") if own else ()
    return cmd(
        "docker", "run", "--rm", "--interactive", "--pull", "never", "--init", "--network", "none", "--user", user,
        "--cap-drop", "ALL", [("--cap-add", each) for each in capabilities], _BOUNDS, "--label", "agentflow.git=tree",
        "--name", name, "--log-driver", "none",
        "--mount", bind(place.library, _LIB, read_only=True), "--mount", bind(place.tree, place.tree, read_only=not write),
        ("--mount", bind(place.vault, place.vault, read_only=True)) if place.vault else None,
        ("--mount", bind(place.transfer, _TRANSFER, read_only=False)) if place.transfer else None,
        place.image, "timeout", seconds, _SCRIPT, "tree",
    )  # fmt: skip


def vault(place: Place, *, network: bool, seconds: int = 3600) -> Cmd:
    """git in one of the control plane's own repositories. The request, credential and all, is a JSON line on stdin.

    `place.vault` is all it has of them, so that nothing an agent hands over can lead to another workspace's.

    With the host's network, so that it reaches what the host reaches; nothing of an agent's runs here. The credential lies in
    memory that this container alone has.
    """
    return cmd(
        "docker", "run", "--rm", "--interactive", "--pull", "never", "--init", "--network", "host" if network else "none",
        "--user", "0:0", "--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", _BOUNDS, "--label", "agentflow.git=vault",
        "--log-driver", "none", "--tmpfs", "/run/agentflow/secret:mode=0700,size=256k",
        "--mount", bind(place.library, _LIB, read_only=True), "--mount", bind(place.vault, place.vault, read_only=False),
        ("--mount", bind(place.transfer, _TRANSFER, read_only=True)) if place.transfer else None,
        place.image, "timeout", seconds, _SCRIPT, "vault",
    )  # fmt: skip
