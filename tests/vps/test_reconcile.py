"""What ends a container besides its agent is told as what it was; what is left over of ours is removed, and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent_image import IMAGE
from tests.host_figures import variable
from tests.login import login
from tests.own_engine import OwnEngine, own_engine
from tests.vps.conftest import Machine, machine_at
from vps.host.layout import LABEL_ROOT, LABEL_RUN
from vps.outcome import Ending
from vps.runs import Runs
from vps.testing.model import ScriptedModel
from vps.testing.sshd import generate_key, sshd


@pytest.fixture
async def engine(image: str) -> AsyncIterator[OwnEngine]:
    async with own_engine(image) as made:
        yield made


@pytest.fixture
async def its_machine(engine: OwnEngine, model: ScriptedModel, figures: Path) -> AsyncIterator[Machine]:
    """A machine whose Docker is that one."""
    place = engine.socket.parent
    key = place / "key"
    options = {"SetEnv": f"DOCKER_HOST=unix://{engine.socket} {variable(figures)}"}
    async with (
        sshd(place / "sshd", authorized_key=generate_key(key), say=print, options=options) as server,
        machine_at(place / "root", login(server, key), model) as found,
    ):
        yield found


async def test_a_docker_that_is_restarted_is_told_as_the_cause_and_what_waits_starts_when_it_is_back(
    its_machine: Machine, engine: OwnEngine
) -> None:
    its_machine.runs = Runs(its_machine.relay, its_machine.config(max_agents=1))
    other = its_machine.root / "workspaces" / "other"
    other.mkdir(parents=True)
    name = await its_machine.start("scenario:sleep:300")
    waiting = await its_machine.start("scenario:ok", workspace=str(other))
    assert (await its_machine.runs.describe(waiting)).waiting
    await its_machine.seen(name, b"This takes a while.")
    await engine.stop()
    await engine.start()

    ended = await its_machine.ended(name)
    assert ended.outcome.ending is Ending.STOPPED, ended.outcome
    assert ended.outcome.reason == "Docker was stopped or restarted on the VPS."
    assert (await its_machine.ended(waiting)).outcome.ending is Ending.SUCCEEDED


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
        running = await machine.docker("ps", "--format", "{{.Names}}")
        assert (orphan in running, foreign in running, by_hand in running) == (False, True, True)
    finally:
        await machine.docker("rm", "--force", orphan, foreign, by_hand)
