"""The bot as a process of its own, which can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_GOING_S = 60.0


class BotProcess:
    """`agentflow bot` with settings of its own; its log goes to a file."""

    def __init__(self, environ: Mapping[str, str], log: Path) -> None:
        home = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(log.parent)}
        self.environ = home | dict(environ)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    def setting(self, name: str) -> str:
        """One of its settings."""
        return self.environ[name]

    async def start(self) -> None:
        """Start it; it is ready once it is connected to Discord."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "bot",
                cwd=self._log.parent, env=self.environ, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    async def kill(self) -> None:
        """SIGKILL, at whatever it is doing."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def stop(self, with_signal: signal.Signals = signal.SIGINT) -> int:
        """As a person ends it, or with SIGTERM as systemd and Docker do; its exit code."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(with_signal)
        async with asyncio.timeout(_GOING_S):
            return await process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def tail(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""
