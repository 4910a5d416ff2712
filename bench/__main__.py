"""`make bench`: prints one table and keeps it in bench/results."""

from __future__ import annotations

import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import crowd, gateway, reply, spawn, surface
from bench.figures import Row, table
from bot.demo.stage import Stage, stage

RESULTS = Path(__file__).parent / "results"
Part = Callable[[Stage, Path], Awaitable[list[Row]]]
_PARTS: dict[str, Part] = {
    "spawn": lambda found, _: spawn.measure(found),
    "gateway": gateway.measure,
    "discord": lambda found, _: surface.measure(found),
}
_WARM_PARTS: dict[str, Part] = {"reply": reply.measure}
"""On a stage where who is done stays warm for `_WARM_S`."""
_WARM_S = 600.0


async def measure(only: str) -> list[Row]:
    """Everything, one after the other; or `only` one part of what needs a stage: spawn, reply, gateway, discord."""
    # Docker mounts below it, and the agents' user has to get there.
    directory = Path(tempfile.mkdtemp(prefix="agentflow-bench-", dir="/tmp"))
    directory.chmod(0o755)
    rows: list[Row] = []
    for idle_s, parts in ((0.0, _PARTS), (_WARM_S, _WARM_PARTS)):
        wanted = [name for name in parts if only in ("", name)]
        if wanted:
            async with stage(directory / f"idle-{idle_s:.0f}", _say, idle_s=idle_s) as found:
                for name in wanted:
                    _say(f"measuring: {name}")
                    rows += await parts[name](found, directory)
    if only:
        return rows
    rows += await surface.memory_at_rest(directory)
    _say("measuring: many agents at once")
    return rows + await crowd.measure()


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def main() -> int:
    """Run all; the exit code is 0 whatever the figures."""
    started = time.monotonic()
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    text = table(asyncio.run(measure(only)))
    machine = f"{platform.machine()} · Linux {platform.release()} · Python {platform.python_version()}"
    head = f"{datetime.now(UTC):%Y-%m-%d} · {machine}\n"
    print(f"\n{head}{text}\n  {time.monotonic() - started:.0f} s in all")
    if not only:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "latest.txt").write_text(head + text, encoding="utf-8")
        print("  kept in bench/results/latest.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
