"""A process and those below it, from /proc (proc(5)): what CPU they have used, and their end."""

from __future__ import annotations

import os
import signal

TICKS_S = os.sysconf("SC_CLK_TCK")


class Process:
    """One of them. `ticks` of CPU are its own and those of the children it has reaped; `on_disk`: it waits for a disk."""

    def __init__(self, stat: str) -> None:
        # A name may hold spaces and parentheses: what follows the last one is the rest.
        head, _, rest = stat.rpartition(")")
        fields = rest.split()
        self.name = head.partition("(")[2]
        self.on_disk = fields[0] == "D"
        self.parent = int(fields[1])
        self.ticks = sum(map(int, fields[11:15]))


def family(root: int) -> dict[int, Process]:
    """`root` and everything below it, by pid; what somebody else has adopted is not among them."""
    everyone = {int(name): found for name in os.listdir("/proc") if name.isdigit() and (found := _read(name))}
    members = {root} & everyone.keys()
    while more := {pid for pid, process in everyone.items() if process.parent in members} - members:
        members |= more
    return {pid: everyone[pid] for pid in sorted(members)}


def _read(pid: str) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return Process(file.read())
    except (OSError, ValueError, IndexError):
        return None  # it has ended meanwhile


def kill_below(root: int) -> None:
    """Kill everything below `root`, not itself; again for what came in between."""
    for _attempt in range(3):
        below = family(root).keys() - {root}
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not below:
            return
