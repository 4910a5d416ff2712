"""Agents that count as the real CLI does, in real containers of an engine that can be restarted."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.agents import numbers

LINES = 60
_SPAWN_S = 120.0
_LONGEST_S = 300.0


class RealAgent:
    """A run of `scenario:count`. What it said is what its log holds: Docker may end it at any line."""

    def __init__(self, root: Path, name: str, task: str) -> None:
        self._directory = root / "runs" / name
        self.name = name
        self.task = task

    @property
    def written(self) -> int:
        """The last line it has said."""
        return max(self._said(), default=0)

    @property
    def lines(self) -> int:
        """How many it says; one that was ended has said all it will."""
        return self.written if self.is_over else LINES

    @property
    def is_over(self) -> bool:
        return (self._directory / "docker.json").exists()

    async def run(self) -> None:
        """Until it is over."""
        async with asyncio.timeout(_LONGEST_S):
            while not self.is_over:
                await asyncio.sleep(0.1)

    def _said(self) -> list[int]:
        said = list[int]()
        for line in (
            (self._directory / "out" / "out.jsonl").read_bytes().split(b"\n")[:-1]
        ):  # the last may be on its way
            if b'"assistant"' in line:
                record = json.loads(line)
                said += [
                    number
                    for block in record["message"]["content"]
                    if block["type"] == "text"
                    for number in numbers(block["text"])
                ]
        return said


async def spawn(environ: Mapping[str, str], root: Path, number: int) -> RealAgent:
    """Start one as a person at a shell does, whatever the bot is doing."""
    task = f"scenario:count:{LINES} number {number}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "spawn", task, "--json", cwd=root.parent,
        env=dict(environ),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(_SPAWN_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return RealAgent(root, str(json.loads(out)["container_id"]), task)
