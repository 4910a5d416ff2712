"""What a person sees of a build: its steps while it runs, the end of its output when it fails."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable

from vps.errors import ImageBuildFailed
from vps.runner import Runner
from vps.shell import Command

Progress = Callable[[str], Awaitable[None]]

BUILD_SECONDS = 3600.0
_TAIL_LINES = 15
_TAIL_CHARACTERS = 1500
_TEXT_CHARACTERS = 100
# The legacy builder's `Step 3/20 : …`, BuildKit's `#7 [3/9] …`; the Dockerfile says `RUN : "…"` where people wait.
_STEP = re.compile(r"(?:Step (\d+)/(\d+) : |#\d+ \[(?:\S+ +)?(\d+)/(\d+)\] )RUN : \"([^\"]+)\".*")
_BASE = re.compile(r"(?:base: |I: (?=(?:Resolving|Checking|Unpacking|Configuring|Installing|Base) \S+ \S))(.+)")


async def watch(runner: Runner, command: Command, progress: Progress, *, failure: str, remedy: str) -> None:
    """Run a build that writes to stdout, telling its steps. Raises ImageBuildFailed with the last lines."""
    tail = deque[str](maxlen=_TAIL_LINES)
    try:
        async with asyncio.timeout(BUILD_SECONDS), runner.stream(command) as process:
            torn = ""
            async for chunk in process.chunks():
                *lines, torn = (torn + chunk.decode("utf-8", "replace")).split("\n")
                tail.extend(line.strip() for line in lines if line.strip())
                for step in filter(None, map(step_text, lines)):
                    await progress(step)
            done = await process.wait()
    except TimeoutError as error:
        raise ImageBuildFailed(f"{failure}: it took more than an hour.", remedy=remedy) from error
    if done.exit_code != 0:
        reason = "\n".join([*tail, torn]).strip()[-_TAIL_CHARACTERS:]
        raise ImageBuildFailed(f"{failure}:\n{reason}\n", remedy=remedy)


def step_text(line: str) -> str | None:
    """A line of a builder or of the making of a base as progress; None for one that says nothing to a person."""
    line = line.strip()
    if found := _STEP.fullmatch(line):
        return f"Step {found[1] or found[3]} of {found[2] or found[4]}: {found[5][:_TEXT_CHARACTERS]}"
    if found := _BASE.fullmatch(line):
        return found[1][:_TEXT_CHARACTERS]
    return None
