"""The watch over what a run adds to the disk, where it cannot be measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vps.container import disk

_MIB = 1 << 20


class InVain:
    """A measurement that is never done in time."""

    begun_at = 0.0

    def __init__(self, *_: object, niceness: int, bound_s: float) -> None:
        _TRIED.append((niceness, bound_s))

    def is_done(self) -> bool:
        return True

    def result(self) -> None:
        return None


_TRIED: list[tuple[int, float]] = []


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system whose free space nobody else changes, and that is looked at each time."""
    monkeypatch.setattr(disk, "HELD", ())
    monkeypatch.setattr(disk, "_LOOK_S", 0.0)
    _TRIED.clear()
    made = Path(tempfile.mkdtemp(prefix="agentflow-disk-", dir="/dev/shm"))
    # Others write to that of the machine: a browser, another run of these tests.
    own = os.geteuid() == 0
    if own:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(made)], check=True)
    yield made
    if own:
        subprocess.run(["umount", "--lazy", str(made)], check=True)
    shutil.rmtree(made)


@pytest.mark.parametrize("processes", [True, False], ids=["crowded out", "no process left"])
def test_what_cannot_be_measured_is_held_against_it_as_the_file_system_lost_it(
    place: Path, monkeypatch: pytest.MonkeyPatch, *, processes: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(disk, "Measurement", InVain if processes else refuse)
    watched = disk.Disk(64 * _MIB, str(place))
    assert not any(watched.step() for _ in range(5))
    if processes:
        assert _TRIED[0][0] > 0, "the first attempt is niced"
        assert _TRIED[1][0] == 0
        assert sum(bound for _, bound in _TRIED[:2]) <= 90

    (place / "a").write_bytes(bytes(56 * _MIB))
    assert not any(watched.step() for _ in range(5))
    assert watched.warning == "56 MiB of 64 MiB"
    (place / "b").write_bytes(bytes(12 * _MIB))
    assert any(watched.step() for _ in range(5))
    assert watched.detail == "68 MiB of 64 MiB"
