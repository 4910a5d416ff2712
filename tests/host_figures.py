"""What a host says of itself in /proc, as a test wants it: ample, so that no test depends on the load of its machine, or scarce."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

AMPLE = "MemAvailable: 67108864 kB\n"
SCARCE = "MemAvailable: 2048 kB\n"


def proc(directory: Path, *, available: str = AMPLE, load: str = "0.50 0.40 0.30 3/812 4711") -> Path:
    """Files as proc(5) has them."""
    (directory / "sys" / "kernel").mkdir(parents=True)
    (directory / "meminfo").write_text(_meminfo(available))
    (directory / "loadavg").write_text(load + "\n")
    (directory / "sys" / "kernel" / "pid_max").write_text("32768\n")
    (directory / "sys" / "kernel" / "threads-max").write_text("9000\n")
    return directory


def variable(place: Path) -> str:
    """What has the scripts of a host read there, as sshd's SetEnv takes it."""
    return f"AGENTFLOW_PROC={place}"


@contextmanager
def scarce(place: Path) -> Generator[None]:
    """Meanwhile there is no memory."""
    _replace(place, SCARCE)
    try:
        yield
    finally:
        _replace(place, AMPLE)


def _replace(place: Path, available: str) -> None:
    fresh = place / "meminfo.new"
    fresh.write_text(_meminfo(available))
    fresh.rename(place / "meminfo")


def _meminfo(available: str) -> str:
    return f"MemTotal: 8192 kB\nMemFree: 100 kB\n{available}HugePages_Total: 0\n"
