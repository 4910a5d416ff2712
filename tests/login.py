"""How a test logs in to a server of its own."""

from __future__ import annotations

from pathlib import Path

from vps.config import HostConfig
from vps.testing.sshd import Sshd


def login(server: Sshd, key: Path) -> HostConfig:
    """As the first of its users, with that key."""
    return HostConfig(
        address=server.address, port=server.port, user=server.users[0], key=key, known_hosts=server.known_hosts
    )
