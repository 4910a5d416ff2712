"""One gateway for many root directories: each starting its own would take tests a second apiece.

A root's `gateway` is a link to the shared one's. What a test does to the gateway itself, it does to one of its own.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from vps.config import AgentConfig, HostConfig
from vps.gateway import Gateway
from vps.provision import provision
from vps.relay import Relay
from vps.ssh import SshHost


@asynccontextmanager
async def shared_gateway(config: HostConfig, image: str) -> AsyncGenerator[Path]:
    """Its directory; it is gone after the block."""
    root = Path(tempfile.mkdtemp(prefix="agentflow-", dir="/tmp"))
    agents = AgentConfig(root=str(root), image=image, api_key=SecretStr("sk-ant-for-nobody-0123456789"))
    try:
        async with SshHost(config) as host, Relay(host, await provision(host, str(root)), str(root)) as relay:
            await Gateway(relay, agents).ensure(_say)
        yield root / "gateway"
        async with SshHost(config) as host, Relay(host, await provision(host, str(root)), str(root)) as relay:
            await Gateway(relay, agents).remove()
    finally:
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)


async def _say(text: str) -> None:
    print(f"gateway: {text}", flush=True)


def lend(gateway: Path | None, root: Path) -> None:
    """Have a root use it, if there is one to be shared."""
    if gateway is not None:
        (root / "gateway").symlink_to(gateway)


def is_lent(root: Path) -> bool:
    """Whether the root's gateway is another's."""
    return (root / "gateway").is_symlink()
