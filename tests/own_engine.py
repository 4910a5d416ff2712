"""A Docker engine besides the machine's, which may be stopped and started."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from vps.commands.gateway import image_beside
from vps.testing.packages import find_program

READY_S = 60.0
_SIOCBRADDBR, _SIOCBRDELBR, _SIOCSIFFLAGS = 0x89A0, 0x89A1, 0x8914  # linux/sockios.h


class OwnEngine:
    """A Docker engine besides the machine's, which may be stopped and started."""

    def __init__(self, directory: Path, config: Mapping[str, object]) -> None:
        (directory / "daemon.json").write_text(json.dumps(config))
        self.socket = directory / "docker.sock"
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        state = [("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid"), ("config-file", "daemon.json")]
        places = [f"--{option}={self._directory / name}" for option, name in state]
        names = [
            f"--containerd-namespace={self._directory.name}",
            f"--containerd-plugins-namespace={self._directory.name}.p",
        ]
        program = find_program("dockerd")
        own = (f"--host=unix://{self.socket}", f"--bridge={self._directory.name}", "--iptables=false")
        # A bridge of its own: one of the usual name is the machine's, and none at all would take that away.
        _bridge(_SIOCBRADDBR, self._directory.name)
        with (self._directory / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(str(program), *own, *places, *names),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        async with asyncio.timeout(READY_S):
            while await self._docker("version") != 0:
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            async with asyncio.timeout(READY_S):
                await process.wait()
            _bridge(_SIOCBRDELBR, self._directory.name)

    async def load(self, image: str) -> None:
        """Take the agents' image over from the machine's engine, and the gateway's where there is one."""
        gateway = image_beside(image)
        has_gateway = await _succeeds("docker", "image", "inspect", gateway)
        reader, writer = os.pipe()
        saving = _succeeds("docker", "save", image, *([gateway] if has_gateway else []), stdout=writer)
        loading = _succeeds("docker", "--host", f"unix://{self.socket}", "load", stdin=reader)
        assert await asyncio.gather(saving, loading) == [True, True]

    async def _docker(self, *words: str) -> int:
        return 0 if await _succeeds("docker", "--host", f"unix://{self.socket}", *words) else 1


def _bridge(request: int, name: str) -> None:
    """Make or remove a bridge (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        if request == _SIOCBRDELBR:
            # One that is up cannot be removed.
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
        fcntl.ioctl(control, request, name.encode() + b"\0")


async def _succeeds(*argv: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL) -> bool:
    """What it is given as stdin and stdout it has alone then."""
    process = await asyncio.create_subprocess_exec(*argv, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
    for descriptor in (stdin, stdout):
        if descriptor != subprocess.DEVNULL:
            os.close(descriptor)
    return await process.wait() == 0


@asynccontextmanager
async def own_engine(image: str, config: Mapping[str, object] | None = None) -> AsyncGenerator[OwnEngine]:
    """One that runs, with an image of the machine's engine and these lines of daemon.json; nothing of it is left."""
    # Not below pytest's own directory: only its owner may enter that, and agents work as another user.
    directory = Path(tempfile.mkdtemp(prefix="aflow", dir="/tmp"))
    directory.chmod(0o755)
    engine = OwnEngine(directory, config or {})
    try:
        await engine.start()
        await engine.load(image)
        yield engine
    finally:
        await engine.stop()
        # What is left of a container in the machine's network.
        await _succeeds("umount", str(directory / "exec/netns/default"))
        assert await _succeeds("rm", "-rf", str(directory))
