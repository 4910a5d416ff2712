"""A Docker engine besides the machine's, which may be stopped and started."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from vps.testing.packages import find_program

READY_S = 60.0


class OwnEngine:
    """A Docker engine besides the machine's, which may be stopped and started."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "docker.sock"
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        state = [("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid")]
        places = [f"--{option}={self._directory / name}" for option, name in state]
        names = [
            f"--containerd-namespace={self._directory.name}",
            f"--containerd-plugins-namespace={self._directory.name}.p",
        ]
        program = find_program("dockerd")
        # In a network of its own: its bridge has the name of the machine's.
        with (self._directory / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("unshare", "--net", str(program), f"--host=unix://{self.socket}", "--iptables=false", *places, *names),
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

    async def load(self, image: str) -> None:
        """Take an image over from the machine's engine."""
        tar = self._directory / "image.tar"
        assert await _succeeds("docker", "save", "--output", str(tar), image)
        assert await self._docker("load", "--input", str(tar)) == 0
        tar.unlink()

    async def _docker(self, *words: str) -> int:
        return 0 if await _succeeds("docker", "--host", f"unix://{self.socket}", *words) else 1


async def _succeeds(*argv: str) -> bool:
    null = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*argv, stdin=null, stdout=null, stderr=null)
    return await process.wait() == 0


@asynccontextmanager
async def own_engine(image: str) -> AsyncGenerator[OwnEngine]:
    """One that runs, with an image of the machine's engine; nothing of it is left."""
    # Not below pytest's own directory: only its owner may enter that, and agents work as another user.
    directory = Path(tempfile.mkdtemp(prefix="aflow", dir="/tmp"))
    directory.chmod(0o755)
    engine = OwnEngine(directory)
    try:
        await engine.start()
        await engine.load(image)
        yield engine
    finally:
        await engine.stop()
        assert await _succeeds("rm", "-rf", str(directory))
