"""`make chaos`: a schedule of faults; exit code 0 only if every thread holds every line once and in order."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.agent_image import ensure_image
from tests.chaos import schedule
from tests.chaos.stage import stage
from tests.login import login
from vps.testing.engine import engine
from vps.testing.sshd import generate_key, sshd


def main() -> int:
    """Its exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Break everything on the way into the threads.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="of a run to repeat")
    parser.add_argument("--faults", type=int, default=204, help="how many (default %(default)s)")
    parser.add_argument("--agents", type=int, default=20, help="that write at any time (default %(default)s)")
    return asyncio.run(_run(parser.parse_args()))


async def _run(given: argparse.Namespace) -> int:
    print(f"seed {given.seed}", flush=True)
    async with stage(await _image()) as made:
        report = await schedule.run(made, given.seed, given.faults, given.agents, _say)
    print(report.text())
    return 0 if report.right else 1


async def _image() -> str:
    """The agents', on the machine's engine; made if need be."""
    with tempfile.TemporaryDirectory(prefix="aflow-chaos-") as name:
        directory = Path(name)
        key = directory / "key"
        async with engine(print), sshd(directory, authorized_key=generate_key(key), say=print) as server:
            return await ensure_image(login(server, key))


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
