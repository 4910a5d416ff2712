"""What ends a container besides its agent is told as what it was; what is left over of ours is removed, and nothing else."""

from __future__ import annotations

import asyncio
import json

from tests.agent_image import IMAGE
from tests.vps.conftest import RUN_S, Machine
from vps.host.layout import LABEL_ROOT, LABEL_RUN
from vps.outcome import Ending


async def test_a_machine_that_was_restarted_is_told_as_the_cause(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:300")
    await machine.seen(name, b"This takes a while.")
    # Nothing else of a restart can be had here: the run was begun in another life of the machine.
    record = machine.root / "runs" / name / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"boot_id": "another"}))
    await machine.docker("kill", name)

    ended = await machine.ended(name)
    assert ended.outcome.ending is Ending.STOPPED
    assert ended.outcome.reason == "The VPS was restarted."


async def test_a_container_of_ours_without_a_run_is_removed_and_no_other_one(machine: Machine, image: str) -> None:
    assert image == IMAGE
    orphan, foreign, by_hand = (f"claude-agent-179500000000{number}-abcdef" for number in range(3))
    idle = (IMAGE, "sleep", "300")
    await machine.docker("run", "--detach", "--name", orphan, "--label", f"{LABEL_ROOT}={machine.root}",
                         "--label", f"{LABEL_RUN}={orphan}", *idle)  # fmt: skip
    await machine.docker("run", "--detach", "--name", foreign, "--label", f"{LABEL_ROOT}=/elsewhere",
                         "--label", f"{LABEL_RUN}={foreign}", *idle)  # fmt: skip
    await machine.docker("run", "--detach", "--name", by_hand, *idle)
    try:
        await machine.run("scenario:sleep:3")
        async with asyncio.timeout(RUN_S):
            while orphan in (running := await machine.docker("ps", "--format", "{{.Names}}")):
                await asyncio.sleep(0.05)
        assert (orphan in running, foreign in running, by_hand in running) == (False, True, True)
    finally:
        await machine.docker("rm", "--force", orphan, foreign, by_hand)
