"""The queue from the command line: each verb is a control plane that comes and goes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.crew import open_crew
from tests.agents.conftest import IMAGE, REPOSITORY, Station
from vps.host.layout import LABEL_ROOT
from vps.shell import cmd

RUN_S = 200.0


@pytest.fixture
async def narrow(docked: Station) -> AsyncIterator[Station]:
    """A host where one agent runs at a time, and one does."""
    docked.root.parent.chmod(0o755)
    docked.environ["AGENTFLOW_MAX_AGENTS"] = "1"
    for name in ("one", "two"):
        (docked.root / "workspaces" / name).mkdir(parents=True)
    first = await docked.agentflow("spawn", "scenario:sleep:300", "--workspace_path", f"{docked.root}/workspaces/one")
    assert "started in" in first.out, first.err
    yield docked
    async with open_crew(docked.settings()) as crew:
        await crew.relay.ask("withdraw")
        await crew.runs.stop_keeper()
        labelled = await crew.host.run(cmd("docker", "ps", "-aq", "--filter", f"label={LABEL_ROOT}={docked.root}"))
        await crew.host.run(cmd("docker", "rm", "--force", "--volumes", labelled.text.split()))


async def docker(*words: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("docker", *words, stdout=pipe)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def until(path: Path) -> None:
    async with asyncio.timeout(RUN_S):
        while not path.exists():
            await asyncio.sleep(0.02)


def the_runs(station: Station) -> list[Path]:
    return sorted(path for path in (station.root / "runs").iterdir() if path.suffix != ".new")


async def test_every_verb_tells_that_an_agent_waits_and_for_what(narrow: Station) -> None:
    place = "place 1: waits for another agent's end (1 of at most 1 run)"
    spawned = await narrow.agentflow("spawn", "scenario:ok", "--workspace_path", f"{narrow.root}/workspaces/two")
    name = spawned.out.split()[0]
    assert spawned.out == f"{name} queued in {narrow.root}/workspaces/two, {place}.\n"

    status = (await narrow.agentflow("status", name, "--json")).json["agent"]
    assert (status["state"], status["queue_place"], status["alive"]) == ("queued", 1, True)
    assert [line for line in (await narrow.agentflow("list")).out.splitlines() if "queued" in line and place in line]
    row = next(line for line in (await narrow.agentflow("watch", "--once")).out.splitlines() if name[-6:] in line)
    assert "queued" in row
    assert place in row
    waited = await narrow.agentflow("wait", name, "--timeout", "1s")
    assert waited.out.startswith("Still queued: ")
    assert "1 wait already" in (await narrow.agentflow("doctor")).out

    assert (await narrow.agentflow("stop", name)).out == f"{name} stopped before it started.\n"
    ended = (await narrow.agentflow("status", name, "--json")).json["agent"]
    assert (ended["state"], ended["reason"]) == ("stopped", "Stopped before it started.")
    assert (await narrow.agentflow("stop", name)).out == f"{name} had ended already.\n"


async def test_a_control_plane_that_is_killed_once_its_run_waits_leaves_it_in_the_queue_and_none_is_needed_to_start_it(
    narrow: Station,
) -> None:
    (first,) = the_runs(narrow)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "spawn", "scenario:ok", "--workspace_path", f"{narrow.root}/workspaces/two",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(narrow.root.parent), **narrow.environ},
        cwd=narrow.root.parent,
    )  # fmt: skip
    async with asyncio.timeout(RUN_S):
        while len(the_runs(narrow)) < 2:
            await asyncio.sleep(0.02)
    second = the_runs(narrow)[1]
    await until(second / "queue.json")
    process.kill()
    await process.wait()

    await docker("stop", first.name)
    await until(second / "docker.json")
    assert json.loads((second / "out" / "exit.json").read_text())["reason"] == "completed"
    assert (second / "out" / "out.jsonl").read_text().count('"subtype": "started"') == 1


async def test_what_waits_is_named_by_an_uninstall_and_goes_with_it(narrow: Station) -> None:
    spawned = await narrow.agentflow(
        "spawn", "scenario:ok", "--workspace_path", f"{narrow.root}/workspaces/two", "--json"
    )
    refused = await narrow.agentflow("uninstall", "--yes")
    assert refused.code == 2
    assert spawned.json["container_id"] in refused.err

    own_image = "agentflow-queue-tests:latest"
    await docker("tag", IMAGE, own_image)
    done = await narrow.agentflow("uninstall", "--yes", "--force", AGENTFLOW_IMAGE=own_image)
    assert done.code == 0, done.err
    assert not (narrow.root / "runs").exists()
    assert await docker("ps", "-aq", "--filter", f"label={LABEL_ROOT}={narrow.root}") == ""
