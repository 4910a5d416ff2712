"""What is measured decides whether one more agent starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host_figures import SCARCE, proc
from vps.host.admission import Figures, measure, room, waits_for

GIB = 1 << 30
AMPLE = Figures(
    memory=16 * GIB,
    memory_total=32 * GIB,
    wanted=1.0,
    cpus=4,
    tasks=400,
    tasks_most=32_768,
    disk=100 * GIB,
    running=0,
    young=0,
)


def test_a_host_with_room_makes_nobody_wait() -> None:
    assert waits_for(AMPLE, None) == ""


@pytest.mark.parametrize(
    ("scarce", "why"),
    [
        ({"memory": 900 << 20}, "memory (0.9 of 1.0 GiB free)"),
        ({"wanted": 31.6}, "CPU (32.1 of at most 32 tasks want one)"),
        ({"tasks": 32_700}, "processes (68 of 576 free)"),
        ({"tasks": 40_000}, "processes (0 of 576 free)"),
        ({"disk": 200 << 20}, "disk (200 of 256 MiB free)"),
    ],
)
def test_each_thing_that_is_scarce_makes_it_wait_and_is_named(scarce: dict[str, int], why: str) -> None:
    assert waits_for(AMPLE._replace(**scarce), None) == why


def test_limits_do_not_count_and_any_number_of_grown_runs_is_no_reason_to_wait() -> None:
    assert waits_for(AMPLE._replace(memory=2 * GIB, running=40), None) == ""


@pytest.mark.parametrize(
    ("found", "most"),
    [
        (AMPLE._replace(memory=3 * GIB), 5),
        (AMPLE._replace(wanted=30.0), 4),
        (AMPLE._replace(tasks=32_000), 4),
        (AMPLE._replace(disk=640 << 20), 4),
        (AMPLE._replace(memory=0), 0),
    ],
)
def test_what_young_runs_will_use_is_set_aside_so_only_so_many_start_at_once(found: Figures, most: int) -> None:
    assert room(found, None) == most


def test_a_small_host_keeps_less_for_itself_and_takes_an_agent_all_the_same() -> None:
    assert waits_for(AMPLE._replace(memory_total=1 * GIB, memory=700 << 20), None) == ""


def test_a_ceiling_holds_however_much_room_there_is() -> None:
    assert waits_for(AMPLE._replace(running=3), 4) == ""
    assert waits_for(AMPLE._replace(running=4), 4) == "another agent's end (4 of at most 4 run)"
    assert room(AMPLE._replace(running=1), 4) == 3


def test_an_empty_giant_counts_no_further_than_it_has_to() -> None:
    giant = Figures(1 << 50, 1 << 50, 0.0, 4096, 0, 1 << 22, 1 << 50, 0, 0)
    assert room(giant, None) == 999


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = proc(tmp_path / "proc", available=SCARCE)
    monkeypatch.setenv("AGENTFLOW_PROC", str(made))
    return made


def test_the_kernels_figures_are_read(place: Path) -> None:
    found = measure(str(place), 2, 1)
    assert (found.memory, found.memory_total) == (2 << 20, 8 << 20)
    assert (found.tasks, found.tasks_most) == (812, 9000)
    assert found.cpus >= 1
    assert found.disk > 0
    assert (found.running, found.young) == (2, 1)


@pytest.mark.parametrize(
    ("load", "wanted"), [("0.50 0 0 30/99 1", 0.5), ("30.00 0 0 1/99 1", 1.0), ("30.00 0 0 25/99 1", 25.0)]
)
def test_neither_a_burst_that_is_over_nor_a_moments_counts_as_load(place: Path, load: str, wanted: float) -> None:
    (place / "loadavg").write_text(load)
    assert measure(str(place), 0, 0).wanted == wanted


def test_a_kernel_that_does_not_tell_what_is_available_blocks_nobody(place: Path) -> None:
    (place / "meminfo").write_text("MemTotal: 8192 kB\n")
    found = measure(str(place), 0, 0)
    assert found.memory == found.memory_total


def test_a_limit_of_processes_that_is_not_told_is_none(place: Path) -> None:
    (place / "sys" / "kernel" / "threads-max").unlink()
    assert measure(str(place), 0, 0).tasks_most == 32_768


def test_this_very_machine_can_be_measured(tmp_path: Path) -> None:
    found = measure(str(tmp_path), 0, 0)
    assert 0 < found.memory <= found.memory_total
    assert 0 < found.tasks < found.tasks_most
