"""The queue on real parts: who has no room waits in turn, and starts once, whatever goes away meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.host_figures import scarce
from tests.vps.conftest import RUN_S, Ended, Machine
from vps.errors import BadInput, WorkspaceBusy
from vps.events import types as t
from vps.models import Waiting
from vps.outcome import Ending
from vps.run import Run
from vps.runs import Runs
from vps.shell import cmd
from vps.testing.sshd import Sshd

BURST, AT_ONCE = 30, 4
BURST_S = 800.0


def limited(machine: Machine, most: int) -> Machine:
    machine.runs = Runs(machine.relay, machine.config(max_agents=most))
    return machine


async def workspaces(machine: Machine, number: int) -> list[str]:
    """Directories of the agents' own, so that a start has nothing to do first."""
    places = [machine.root / "workspaces" / f"w{each}" for each in range(number)]
    for place in places:
        place.mkdir(parents=True)
    done = await machine.host.run(cmd("chown", "1001:1001", [str(place) for place in places]))
    assert done.exit_code == 0, done.stderr
    return list(map(str, places))


async def started(machine: Machine, task: str, workspace: str) -> Run:
    return await machine.runs.start(machine.request(task, workspace=workspace))


async def waiting(machine: Machine) -> dict[str, int]:
    return {run.name: run.waiting.place for run in await machine.runs.list() if run.waiting}


def times(ended: Ended) -> tuple[float, float]:
    assert ended.end.exit is not None
    return ended.end.exit.started_at, ended.end.exit.ended_at


def begun_once(ended: Ended) -> bool:
    """Whether one supervisor began it, and one CLI did its work."""
    supervisors = [each for each in ended.events if isinstance(each, t.Supervisor) and each.subtype == "started"]
    results = [each for each in ended.events if isinstance(each, t.Result)]
    return len(supervisors) == len(results) == 1 and ended.outcome.ending is Ending.SUCCEEDED


def most_at_once(all_of_them: Sequence[Ended]) -> int:
    begun = [(times(each)[0], 1) for each in all_of_them]
    ends = [(times(each)[1], -1) for each in all_of_them]
    running, most = 0, 0
    for _, change in sorted(begun + ends):
        running += change
        most = max(most, running)
    return most


async def test_of_five_under_a_ceiling_of_two_three_wait_in_places_and_start_in_their_order(machine: Machine) -> None:
    limited(machine, 2)
    tasks = ["scenario:sleep:300", "scenario:sleep:300", *["scenario:ok"] * 3]
    runs = [
        await started(machine, task, place) for task, place in zip(tasks, await workspaces(machine, 5), strict=True)
    ]

    why = "another agent's end (2 of at most 2 run)"
    assert [run.waiting for run in runs] == [None, None, *(Waiting(place=place, why=why) for place in (1, 2, 3))]
    assert await waiting(machine) == {run.name: place for place, run in enumerate(runs[2:], 1)}
    listed = await machine.docker("ps", "--format", "{{.Names}}")
    assert [run.name in listed for run in runs] == [True, True, False, False, False]

    await machine.runs.stop(runs[0].name)
    ended = [await machine.ended(run.name) for run in runs[2:]]
    assert all(map(begun_once, ended)), [each.text[-500:] for each in ended]
    assert [times(each)[0] for each in ended] == sorted(times(each)[0] for each in ended)
    assert most_at_once(ended) == 1
    assert await waiting(machine) == {}
    await machine.runs.stop(runs[1].name)
    assert (await machine.ended(runs[1].name)).outcome.ending is Ending.STOPPED


async def test_places_are_told_as_they_change_and_that_the_wait_is_over(machine: Machine) -> None:
    limited(machine, 1)
    places = await workspaces(machine, 3)
    tasks = ["scenario:sleep:300", "scenario:ok", "scenario:ok"]
    first, second, third = [await started(machine, task, place) for task, place in zip(tasks, places, strict=True)]
    told: list[int] = []
    async with asyncio.timeout(RUN_S):
        async for update in machine.relay.follow(third.name):
            # What it waits for may change in its place: another reason is told too.
            if not isinstance(update, Waiting) or told[-1:] == [update.place]:
                continue
            told.append(update.place)
            if update.place == 2:
                assert await machine.runs.stop(second.name) is False
            elif update.place == 1:
                assert await machine.runs.stop(first.name) is True
    # That it waits no more may be told by its first words.
    assert told in ([2, 1], [2, 1, 0])
    assert begun_once(await machine.ended(third.name))


async def test_one_that_is_stopped_while_it_waits_never_starts_and_the_gateway_forgets_it(machine: Machine) -> None:
    limited(machine, 1)
    places = await workspaces(machine, 2)
    first = await started(machine, "scenario:sleep:300", places[0])
    second = await started(machine, "scenario:ok", places[1])
    spec = machine.root / "gateway" / "specs" / f"{second.name}.json"
    assert spec.exists()

    assert await machine.runs.stop(second.name) is False
    ended = await machine.ended(second.name)
    assert (ended.outcome.ending, ended.outcome.reason) == (Ending.STOPPED, "Stopped before it started.")
    assert ended.data == b""
    assert not spec.exists()
    assert not (await machine.runs.describe(second.name)).alive
    await machine.runs.stop(first.name)
    await machine.ended(first.name)
    assert second.name not in await machine.docker("ps", "--all", "--format", "{{.Names}}")


async def test_one_that_waits_has_its_workspace_no_other_starts_there_and_it_is_not_deleted(machine: Machine) -> None:
    limited(machine, 1)
    places = await workspaces(machine, 2)
    first = await started(machine, "scenario:sleep:300", places[0])
    second = await started(machine, "scenario:ok", places[1])
    (found,) = (await machine.relay.ask("workspaces", {"name": "w1"}))["workspaces"]
    assert found["agents"] == [second.name]
    with pytest.raises(WorkspaceBusy):
        await started(machine, "scenario:ok", places[1])
    with pytest.raises(BadInput, match=second.name):
        await machine.relay.ask("claim", {"name": "w1", "deed": "deleted", "id": "0" * 16})
    await machine.runs.stop(second.name)
    await machine.runs.stop(first.name)
    await machine.ended(first.name)


async def test_the_turns_time_begins_with_the_start_and_not_with_the_wait(machine: Machine) -> None:
    limited(machine, 1)
    places = await workspaces(machine, 2)
    first = await started(machine, "scenario:sleep:300", places[0])
    second = await started(machine, "scenario:ok", places[1])
    turn = machine.root / "runs" / second.name / "out" / "turn.json"
    await machine.seen(first.name, b"This takes a while.")
    assert not turn.exists()
    await machine.runs.stop(first.name)
    assert begun_once(await machine.ended(second.name))
    assert turn.exists()


async def test_a_dead_keeper_and_lost_connections_lose_and_repeat_no_start(machine: Machine, server: Sshd) -> None:
    limited(machine, 1)
    places = await workspaces(machine, 4)
    runs = [await started(machine, "scenario:ok", place) for place in places]
    assert any(run.waiting for run in runs)
    os.kill(int((machine.root / "keeper.lock").read_text()), signal.SIGKILL)
    following = [asyncio.create_task(machine.ended(run.name)) for run in runs]
    await server.kill_sessions()

    ended = await asyncio.gather(*following)
    assert all(map(begun_once, ended)), [each.text[-500:] for each in ended]
    assert most_at_once(ended) == 1


async def test_what_waits_for_memory_starts_when_there_is_some(machine: Machine, figures: Path) -> None:
    with scarce(figures):
        run = await machine.runs.start(machine.request("scenario:ok"))
        assert run.waiting == Waiting(place=1, why="memory (0.0 of 0.5 GiB free)")
        assert (await machine.runs.room()).room == 0
    assert begun_once(await machine.ended(run.name))


@pytest.mark.timeout(900)
async def test_a_burst_of_spawns_becomes_as_many_runs_each_once_and_never_more_at_once_than_allowed(
    machine: Machine,
) -> None:
    limited(machine, AT_ONCE)
    places = await workspaces(machine, BURST)
    async with asyncio.timeout(BURST_S):
        runs = await asyncio.gather(*(started(machine, "scenario:ok", place) for place in places))
        queued = [run.waiting.place for run in runs if run.waiting]
        ended = await asyncio.gather(*(machine.ended(run.name, within_s=BURST_S) for run in runs))

    assert len({run.name for run in runs}) == BURST
    assert queued
    assert len(queued) == len(runs) - AT_ONCE
    assert [each.name for each in ended if not begun_once(each)] == []
    assert most_at_once(ended) <= AT_ONCE
    assert sorted(path.name for path in (machine.root / "runs").iterdir()) == sorted(run.name for run in runs)
