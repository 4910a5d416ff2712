"""When a CLI counts as hung: silence and CPU, of real processes on a clock that is set by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from vps.container import pulse as module
from vps.container.processes import family, kill_below
from vps.container.pulse import Pulse

LIMITS = {"silent_s": 100.0, "mcp_s": 1000.0, "calm_s": 10.0}
QUIET = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '600'])"]
BUSY = [sys.executable, "-c", "import subprocess; subprocess.run(['sh', '-c', 'while :; do :; done'])"]


ON_DISK = [sys.executable, "-c", "import ctypes, time; ctypes.CDLL(None).vfork(); time.sleep(600)"]
"""In the state of one that waits for a disk (D, proc(5)): so is a process whose child has its memory, vfork(2)."""


class Bench:
    """A pulse over a log and a process; `pass_s` lets time go by as the supervisor looks, twice a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, log: BinaryIO) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        self._log = log
        self.pulse = Pulse(log.fileno(), LIMITS)

    def write(self, **event: Any) -> None:
        line = json.dumps(event, separators=(",", ":")).encode()
        self._log.write(line + b"\n")
        self.pulse.note(line)

    def pass_s(self, seconds: float, pid: int) -> bool:
        """Whether it counted as hung at any time."""
        stopped = False
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            stopped = self.pulse.stopped(pid) or stopped
        return stopped


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    with (tmp_path / "log").open("ab", buffering=0) as log:
        yield Bench(monkeypatch, log)


@pytest.fixture
def quiet() -> Iterator[int]:
    yield from running(QUIET)


@pytest.fixture
def busy() -> Iterator[int]:
    yield from running(BUSY)


@pytest.fixture
def on_disk() -> Iterator[int]:
    for pid in running(ON_DISK):
        while not family(pid)[pid].on_disk:  # its child may be there a moment before
            pass
        yield pid


def running(argv: list[str]) -> Iterator[int]:
    """A process that has a child by now."""
    with subprocess.Popen(argv) as process:
        while len(family(process.pid)) < 2:
            pass
        try:
            yield process.pid
        finally:
            kill_below(process.pid)
            process.kill()


def test_a_process_that_is_silent_and_idle_for_longer_than_the_limits_is_hung(bench: Bench, quiet: int) -> None:
    assert not bench.pass_s(99, quiet)
    assert bench.pass_s(4, quiet)
    assert bench.pulse.seen(quiet).startswith("no output for 10")


def test_output_of_any_kind_starts_the_silence_anew(bench: Bench, quiet: int) -> None:
    assert not bench.pass_s(95, quiet)
    bench.write(type="system", subtype="something_new")
    assert not bench.pass_s(95, quiet)


def test_one_whose_child_uses_the_cpu_is_not_hung(bench: Bench, busy: int) -> None:
    for _ in range(50):
        used = sum(process.ticks for process in family(busy).values())
        # Well above the share that a CLI uses which only waits, however little of a CPU this machine has to give.
        while sum(process.ticks for process in family(busy).values()) < used + 15:
            pass
        assert not bench.pass_s(3, busy)


def test_one_that_waits_for_a_disk_is_not_hung(bench: Bench, on_disk: int) -> None:
    assert family(on_disk)[on_disk].on_disk
    assert not bench.pass_s(150, on_disk)
    kill_below(on_disk)
    while family(on_disk)[on_disk].on_disk:
        pass
    assert bench.pass_s(12, on_disk)


def test_a_wait_that_the_cli_announced_is_no_silence(bench: Bench, quiet: int) -> None:
    bench.write(type="system", subtype="api_retry", attempt=1, max_retries=10, retry_delay_ms=60_000)
    assert not bench.pass_s(155, quiet)
    assert bench.pass_s(10, quiet)


def test_waiting_for_a_person_is_no_silence(bench: Bench, quiet: int) -> None:
    bench.write(type="system", subtype="session_state_changed", state="requires_action")
    assert not bench.pass_s(2000, quiet)
    bench.write(type="system", subtype="session_state_changed", state="running")
    assert bench.pass_s(120, quiet)


def test_a_tool_of_an_mcp_server_may_take_its_time_and_no_longer_than_it_runs(bench: Bench, quiet: int) -> None:
    use: dict[str, Any] = {"type": "tool_use", "id": "a", "name": "mcp__docs__ask", "input": {}}
    bench.write(type="assistant", message={"content": [use]})
    assert not bench.pass_s(900, quiet)
    bench.write(type="user", message={"content": [{"type": "tool_result", "tool_use_id": "a"}]})
    assert bench.pass_s(120, quiet)


def test_time_in_which_nobody_looked_does_not_count(bench: Bench, quiet: int) -> None:
    assert not bench.pass_s(92, quiet)
    bench.now += 3600  # the container was paused
    assert not bench.pulse.stopped(quiet)
    assert not bench.pass_s(3, quiet)
    assert bench.pass_s(10, quiet)


@pytest.mark.parametrize(
    "line",
    [
        b'"api_retry"',
        b'{"type":"system","subtype":"api_retry"}',
        b'["mcp__"]',
        b'{"type":"user","x":"mcp__"}',
        b'"mcp__',
    ],
)
def test_a_line_of_another_form_than_the_clis_is_passed_over(bench: Bench, quiet: int, line: bytes) -> None:
    bench.pulse.note(line)
    assert bench.pass_s(120, quiet)


def test_only_what_is_below_a_process_is_killed_with_its_tools(quiet: int, busy: int) -> None:
    kill_below(quiet)
    assert len(family(busy)) == 2
    names = [process.name for process in family(quiet).values()]
    assert "sleep" not in names
