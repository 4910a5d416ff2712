"""`make demo ONCE=1`: one run, told as text, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.stage import seed
from tests.bot.scene import Ground, docker, short_directory
from vps.host.layout import LABEL_ROOT, LABEL_RUN

DEMO_S = 240


async def test_one_run_changes_the_repository_tells_its_thread_and_leaves_nothing(ground: Ground) -> None:
    with short_directory() as directory:
        code, output = await demo("--once", "--directory", str(directory))
        root = directory / "vps"
        assert code == 0, output
        for part in (
            "**Edit** `calc.py`",
            "+    return a + b",
            "✅ **Done**",
            "changed: test_calc.py",
            "model: scripted",
        ):
            assert part in output
        assert "return a + b" in (root / "workspace" / "calc.py").read_text()
        assert await docker("ps", "-aq", "--filter", f"label={LABEL_ROOT}={root}") == ""
        assert [line for line in processes() if str(directory) in line] == []


async def test_a_run_that_changes_nothing_is_a_failure_whatever_one_before_it_changed(ground: Ground) -> None:
    with short_directory() as directory:
        seed(directory / "vps" / "workspace")
        (directory / "vps" / "workspace" / "earlier.py").touch()
        code, output = await demo("--once", "--directory", str(directory), "--task", "scenario:ok")
        assert "All is well." in output
        assert code == 1


async def test_a_conversation_has_an_agent_do_it_once_the_person_agrees(ground: Ground) -> None:
    with short_directory() as directory:
        code, output = await demo("--once", "--talk", "--directory", str(directory))
        assert code == 0, output
        for part in ("✅ `spawn` `fix add() and add a test`", "Start a Claude Code agent on a task?", "✅ Confirmed."):
            assert part in output
        assert "return a + b" in (directory / "vps" / "workspace" / "calc.py").read_text()


async def test_a_signal_in_the_middle_leaves_nothing_either(ground: Ground) -> None:
    with short_directory() as directory:
        label = f"label={LABEL_ROOT}={directory / 'vps'}"
        async with begun("--once", "--directory", str(directory), "--task", "scenario:timeout") as process:
            while not await docker("ps", "-q", "--filter", label, "--filter", f"label={LABEL_RUN}"):
                await asyncio.sleep(0.1)
            process.terminate()
            output, _ = await process.communicate()
        assert process.returncode == 130, output.decode()
        assert await docker("ps", "-aq", "--filter", label) == ""
        assert [line for line in processes() if str(directory) in line] == []


async def demo(*words: str) -> tuple[int, str]:
    """Exit code and output."""
    async with begun(*words) as process:
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


@asynccontextmanager
async def begun(*words: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The demo, bounded, with none of this machine's credentials."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "CLAUDE_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.demo", *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environ,
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEMO_S):
            yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def processes() -> list[str]:
    """The command lines of all processes."""
    found = (path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    return [line.replace(b"\0", b" ").decode("utf-8", "replace") for line in found]
