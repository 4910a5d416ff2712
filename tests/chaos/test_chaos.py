"""The short form of `make chaos`: every kind of fault once. A failure prints its seed; `make chaos SEED=…` repeats it."""

from __future__ import annotations

import os
import random

import pytest

from tests.chaos import schedule
from tests.chaos.faults import ALL
from tests.chaos.stage import stage

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk for the state")


@pytest.mark.timeout(900)
async def test_threads_hold_every_line_once_and_in_order_whatever_breaks(image: str) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    async with stage(image) as made:
        report = await schedule.run(made, seed, len(ALL), 4, print)
        assert [str(each) for each in made.discord.violations] == []
    print(report.text())
    assert report.lines > 0
    assert (report.lost, report.repeated, report.out_of_order) == (0, 0, 0)
    assert report.heard.said > 0
    assert report.heard.right
