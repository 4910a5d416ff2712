"""Whether the host has room for one more agent: a pure function of what is measured, and the measuring.

What is in use counts, not the sum of the limits: most of its 4 GB and 2 CPUs an agent never takes. The CLI 2.1.197 alone takes
130 to 160 MiB, 19 tasks and 0.9 s of a CPU to start, and next to no CPU while it waits for the model (measured); its tools come on
top. A run that just started has not used yet what it will, so the usual is set aside for each of its first minute and for the one
that asks. The host keeps a rest for itself.
"""

from __future__ import annotations

import os
from typing import NamedTuple

YOUNG_S = 60.0
"""By then what a run uses is seen in the figures themselves."""
MEMORY, CPU, TASKS, DISK = 512 << 20, 0.5, 64, 128 << 20
"""Set aside for a run."""
_MEMORY_KEPT, _TASKS_KEPT, _DISK_KEPT = 512 << 20, 512, 128 << 20
"""The host's own; of the memory at most an eighth."""
_TASKS_PER_CPU = 8.0
"""Agents mostly wait for their model, and Docker shares the CPUs out evenly among containers, so that one's parallel build takes
little from another: only where the host is overwhelmed is it better to wait."""
_MOST_COUNTED = 999
_UNLIMITED = 1 << 30
_GIB, _MIB = 1 << 30, 1 << 20


class Figures(NamedTuple):
    """What is measured. Bytes, CPUs, and tasks: the kernel's word for processes and threads."""

    memory: int
    """Available without swapping."""
    memory_total: int
    wanted: float
    """How many tasks want a CPU: of those over a minute and those at this moment, the fewer. So neither a burst that is over nor
    a moment's alone makes anybody wait."""
    cpus: int
    tasks: int
    tasks_most: int
    disk: int
    running: int
    """Runs of this root directory that were started and have not ended."""
    young: int
    """Of those, the ones that were started less than a minute ago."""


def waits_for(found: Figures, ceiling: int | None) -> str:
    """What one more run waits for, in words; empty where it may start. `ceiling` is the most that may run at once."""
    if ceiling is not None and found.running >= ceiling:
        return f"another agent's end ({found.running} of at most {ceiling} run)"
    return _memory(found) or _cpu(found) or _tasks(found) or _disk(found)


def room(found: Figures, ceiling: int | None) -> int:
    """How many runs could start now, one after the other; 999 stands for more."""
    count = 0
    while count < _MOST_COUNTED and not waits_for(found, ceiling):
        found = found._replace(running=found.running + 1, young=found.young + 1)
        count += 1
    return count


def _memory(found: Figures) -> str:
    needed = min(_MEMORY_KEPT, found.memory_total // 8) + MEMORY * (found.young + 1)
    return f"memory ({_gib(found.memory)} of {_gib(needed)} GiB free)" if found.memory < needed else ""


def _cpu(found: Figures) -> str:
    wanted, most = found.wanted + CPU * (found.young + 1), _TASKS_PER_CPU * found.cpus
    return f"CPU ({wanted:.1f} of at most {most:g} tasks want one)" if wanted > most else ""


def _tasks(found: Figures) -> str:
    free, needed = found.tasks_most - found.tasks, _TASKS_KEPT + TASKS * (found.young + 1)
    return f"processes ({max(0, free)} of {needed} free)" if free < needed else ""


def _disk(found: Figures) -> str:
    needed = _DISK_KEPT + DISK * (found.young + 1)
    return f"disk ({found.disk // _MIB} of {needed // _MIB} MiB free)" if found.disk < needed else ""


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f}"


def measure(root: str, running: int, young: int) -> Figures:
    """The host as it is now, by proc(5) and statvfs(3); the runs are the caller's to count.

    AGENTFLOW_PROC in the host's environment names another directory with such figures.
    """
    proc = os.environ.get("AGENTFLOW_PROC", "/proc")
    memory = {line.split(":")[0]: int(line.split()[1]) << 10 for line in _read(proc, "meminfo").splitlines()}
    load, _, _, tasks, _ = _read(proc, "loadavg").split()
    at_once, there = tasks.split("/")
    disk = os.statvfs(root)
    return Figures(
        memory=memory.get("MemAvailable", memory["MemTotal"]),
        memory_total=memory["MemTotal"],
        wanted=min(float(load), float(at_once)),
        cpus=os.cpu_count() or 1,
        tasks=int(there),
        tasks_most=min(_limit(proc, name) for name in ("pid_max", "threads-max")),
        disk=disk.f_bavail * disk.f_frsize,
        running=running,
        young=young,
    )


def _limit(proc: str, name: str) -> int:
    try:
        return int(_read(proc, f"sys/kernel/{name}"))
    except OSError:  # a host that is a container itself may not be told
        return _UNLIMITED


def _read(proc: str, name: str) -> str:
    with open(os.path.join(proc, name), encoding="ascii") as file:
        return file.read()
