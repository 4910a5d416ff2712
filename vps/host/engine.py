"""The host's Docker engine, as its keeper sees it: containers, their deaths, and the times it was away itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from datetime import datetime, timezone
from typing import Any

from vps.host import layout

_AGAIN_S = 2.0
_BOUND_S = 60.0
_SHUTDOWN_S = 20.0
"""An engine that is stopped gives its containers 15 s first."""
_GOING_S = 1.0


class Engine:
    """One root's containers; `died` is set whenever one of them may have ended."""

    def __init__(self, root: str) -> None:
        self.died = asyncio.Event()
        self._root = root
        self._lost_at: float | None = None
        self._back_at: float | None = None

    async def watch(self) -> None:
        """For ever: the deaths of this root's containers, and the engine's own."""
        label = f"label={layout.LABEL_ROOT}={self._root}"
        filters = ["--filter", "event=die", "--filter", "event=destroy", "--filter", label]
        while True:
            with contextlib.suppress(OSError):  # no process is to be had: the next one tells what this one would have
                await self._listen("docker", "events", *filters, "--format", "{{.ID}}")
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "TERM", *words,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            while await process.stdout.readline():
                self.died.set()
            self._lose()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _lose(self) -> None:
        """It is gone, or still: what went with it did so as it went."""
        if self._lost_at is None or self._back_at is not None:
            self._lost_at, self._back_at = time.time(), None

    def took(self, container: dict[str, Any]) -> bool:
        """Whether the container ended with the engine rather than by itself."""
        if self._lost_at is None:
            return False
        finished = _finished(container)
        return finished >= self._lost_at - _SHUTDOWN_S and (self._back_at is None or finished <= self._back_at)

    async def is_going(self) -> bool:
        """Whether the engine is about to end: it takes no new connections then, while it stops its containers."""
        await asyncio.sleep(_GOING_S)
        if await docker("version", "--format", "{{.Server.Version}}") is not None:
            return False
        self._lose()
        return True

    async def containers(self) -> dict[str, dict[str, Any]] | None:
        """Every container of this root by its run's name; None while Docker does not answer, which says nothing of them."""
        label = f"label={layout.LABEL_ROOT}={self._root}"
        lost_at = self._lost_at
        listed = await docker("ps", "--all", "--quiet", "--no-trunc", "--filter", label)
        if listed is None:
            return None
        if self._back_at is None and self._lost_at == lost_at:
            self._back_at = time.time()
        ids = listed.split()
        if not ids:
            return {}
        # One that went away between the two makes `inspect` fail although it prints the others.
        text = await docker("inspect", "--type", "container", *ids, keep_output=True)
        found: list[dict[str, Any]] = json.loads(text) if text else []
        if len(found) != len(ids):
            return None
        return {item["Config"]["Labels"].get(layout.LABEL_RUN, ""): item for item in found}


def _finished(container: dict[str, Any]) -> float:
    # Docker writes nanoseconds (RFC 3339), and the year 1 for one that has not ended.
    text = str(container["State"]["FinishedAt"])[:19]
    if text < "0002":
        return 0.0
    utc = timezone.utc  # noqa: UP017  the host may have Python 3.9
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=utc).timestamp()


async def remove(container: dict[str, Any]) -> None:
    """Remove it, running or not, with its anonymous volumes."""
    await docker("rm", "--force", "--volumes", container["Id"])


async def docker(*words: str, keep_output: bool = False) -> str | None:
    """What a docker command prints; None if it failed or took longer than a minute."""
    process = await asyncio.create_subprocess_exec(
        "docker", *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _BOUND_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
        return None
    return output.decode() if process.returncode == 0 or keep_output else None
