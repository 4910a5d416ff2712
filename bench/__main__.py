"""`make bench`: prints one table and keeps it in bench/results."""

from __future__ import annotations

import asyncio
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import crowd, spawn, surface
from bench.figures import Row, table
from bot.demo.stage import stage

RESULTS = Path(__file__).parent / "results"


async def measure() -> list[Row]:
    """Everything, one after the other, on one stage."""
    # Docker mounts below it, and the agents' user has to get there.
    directory = Path(tempfile.mkdtemp(prefix="agentflow-bench-", dir="/tmp"))
    directory.chmod(0o755)
    rows: list[Row] = []
    async with stage(directory, lambda text: print(f"  {text}", flush=True)) as found:
        print("  measuring: spawn, beside the same by hand", flush=True)
        rows += await spawn.measure(found, directory)
        print("  measuring: Discord", flush=True)
        rows += await surface.measure(found)
    rows += await surface.memory_at_rest(directory)
    print("  measuring: many agents at once", flush=True)
    return rows + await crowd.measure()


def main() -> int:
    """Run all; the exit code is 0 whatever the figures."""
    started = time.monotonic()
    text = table(asyncio.run(measure()))
    machine = f"{platform.machine()} · Linux {platform.release()} · Python {platform.python_version()}"
    head = f"{datetime.now(UTC):%Y-%m-%d} · {machine}\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.txt").write_text(head + text, encoding="utf-8")
    print(f"\n{head}{text}\n  {time.monotonic() - started:.0f} s in all; kept in bench/results/latest.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
