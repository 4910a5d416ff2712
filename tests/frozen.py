"""Makes a CLI hang as one really does: it uses no CPU, says nothing and hears nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from vps.commands import claude

SILENT_S, CALM_S = 12.0, 5.0
"""A busy machine may leave a CLI that starts without a CPU for some seconds: that must not look like another hang."""
_FOUND_S = 60.0


def shorten_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a CLI has to be past before it counts as hung, for runs that are started from now on."""
    limits = {"silent_s": SILENT_S, "mcp_s": 1000.0, "calm_s": CALM_S}

    def silence(_env: object) -> dict[str, float]:
        return limits

    monkeypatch.setattr(claude, "silence", silence)


async def saved(root: Path, name: str) -> None:
    """Wait until the CLI's session holds a tool call: from one that was frozen before, another CLI begins the task anew."""
    async with asyncio.timeout(_FOUND_S):
        while not any(b'"tool_use"' in path.read_bytes() for path in (root / "sessions" / name).rglob("*.jsonl")):
            await asyncio.sleep(0.05)


async def freeze(docker: Callable[..., Awaitable[str]], name: str, *, but: int = 0) -> int:
    """Stop the CLI of a run where it stands, one that is not `but`; its pid."""
    async with asyncio.timeout(_FOUND_S):
        while True:
            listed = await docker("top", name, "-eo", "pid,comm")
            found = [int(line.split()[0]) for line in listed.splitlines()[1:] if line.split()[1] == "claude"]
            if found and found[0] != but:
                os.kill(found[0], signal.SIGSTOP)
                return found[0]
