"""The scripts this package keeps on the host (`vps.host`)."""

from __future__ import annotations

from vps.shell import Cmd, cmd


def relay(library: str, root: str) -> Cmd:
    """The process that answers and feeds logs. `-s -E`: neither the user's packages nor the environment change what it does."""
    return cmd("python3", "-s", "-E", f"{library}/vps/remote.py", "relay", root)


def python_version() -> Cmd:
    """Prints the version of the host's python3, as three numbers."""
    return cmd("python3", "-I", "-c", "import sys; print(*sys.version_info[:3])")
