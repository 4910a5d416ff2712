"""What directories hold on the disk, measured in a child by du(1).

The child's du has one capability, CAP_DAC_OVERRIDE, so that the agent can close no directory to it; and as root's process it is
not the agent's to signal. Counted are blocks, so that holes in files are not; each file once, whatever names it has; inodes
besides; and deleted files that a process holds open. Not seen is a deleted file that is held by a mapping alone, or by a process
that made itself undumpable.
"""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Sequence
from typing import NamedTuple

from vps.container.launch import AgentsUser

_SCRIPT = 'for unit in --block-size=1 --inodes; do du -scx "$unit" -- "$@" 2>/dev/null | tail -n 1; done'
_ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
_BLOCK = 512


class Use(NamedTuple):
    """Of a disk."""

    bytes: int
    files: int

    def plus(self, other: Use) -> Use:
        """The sum."""
        return Use(self.bytes + other.bytes, self.files + other.files)

    def less(self, other: Use) -> Use:
        """The difference."""
        return Use(self.bytes - other.bytes, self.files - other.files)

    def share(self, most: Use) -> float:
        """Of the most there may be; 1 is all of it."""
        return max(self.bytes / most.bytes, self.files / most.files)


class Measurement:
    """Of directories that are given as descriptors; it has begun. Raises OSError where no process is to be had."""

    def __init__(self, places: Sequence[int], *, niceness: int, bound_s: float) -> None:
        self.begun_at = time.monotonic()
        self._until = self.begun_at + bound_s
        self._said = b""
        self._reader, writer = os.pipe()
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _become_child(writer, places, niceness)
        except OSError:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        os.set_blocking(self._reader, False)

    def is_done(self) -> bool:
        """Whether there is a result, or will be none."""
        try:
            while chunk := os.read(self._reader, 4096):
                self._said += chunk
        except BlockingIOError:
            return time.monotonic() >= self._until
        return True

    def result(self) -> Use | None:
        """What they hold; None where it was not done in time, or failed. Nothing is left of the child then."""
        os.close(self._reader)
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended, or has not got as far as its own group
        os.waitpid(self._pid, 0)
        lines = self._said.decode("ascii", "replace").splitlines()
        if len(lines) != 3 or not all(line.partition("\t")[0].isdecimal() for line in lines):
            return None
        held, blocks, files = (int(line.partition("\t")[0]) for line in lines)
        return Use(held + blocks, files)


def _become_child(writer: int, places: Sequence[int], niceness: int) -> None:
    """Tell of deleted files, then become du, which tells of all others. It never returns."""
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()
        os.nice(niceness)
        os.dup2(writer, 1)
        for place in places:
            os.set_inheritable(place, True)  # noqa: FBT003  its name says it
        os.write(1, b"%d\n" % held_by_processes({os.fstat(place).st_dev for place in places}))
        drop = ["/usr/bin/setpriv", "--bounding-set=-all,+dac_override", "--inh-caps=-all", "--no-new-privs", "--"]
        # The last dot makes it the directory rather than the link to it.
        words = ["/bin/sh", "-c", _SCRIPT, "measure", *(f"/proc/self/fd/{place}/." for place in places)]
        os.execve(drop[0], drop + words, _ENVIRON)  # noqa: S606  no shell string from input
    finally:
        os._exit(127)


def held_by_processes(devices: set[int]) -> int:
    """Bytes of deleted files on those devices that processes of the agent's hold open.

    Looked at as the agent's user, whose processes' descriptors are open to it alone (ptrace(2), PTRACE_MODE_READ_FSCREDS).
    """
    found: dict[tuple[int, int], int] = {}
    with AgentsUser():
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            for state in _deleted_files(pid):
                if state.st_dev in devices:
                    found[state.st_dev, state.st_ino] = state.st_blocks * _BLOCK
    return sum(found.values())


def _deleted_files(pid: str) -> list[os.stat_result]:
    found: list[os.stat_result] = []
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return found  # it has ended, or is not the agent's
    for name in names:
        path = f"/proc/{pid}/fd/{name}"
        try:
            state = os.stat(path)
            if stat.S_ISREG(state.st_mode) and _is_deleted(path, state):
                found.append(state)
        except OSError:
            pass  # closed meanwhile
    return found


def _is_deleted(path: str, state: os.stat_result) -> bool:
    # gVisor goes on to tell as many names as the file had. One that is deleted under the name it was opened by, and has
    # another, is counted twice for that.
    return state.st_nlink == 0 or os.readlink(path).endswith(" (deleted)")
