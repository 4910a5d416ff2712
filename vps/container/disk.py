"""What a run adds to the disk, held against its ceiling.

Free space is looked at twice a second, which costs microseconds. What the run itself holds is measured in a child
(vps.container.usage), only once the file systems lost a good part of what the run has left, or half a minute passed, and the less
often the longer it takes.
"""

from __future__ import annotations

import os
import time

from vps.container import paths
from vps.container.usage import Measurement, Use

HELD = (paths.HOME, *paths.SCRATCH, paths.TRANSCRIPTS, paths.CACHE, paths.OUT)
"""What a run may write to, besides its workspace."""

_BYTES_PER_FILE, _LEAST_FILES = 16 << 10, 50_000
"""ext4 makes an inode for so many bytes (mke2fs.conf(5)): who has a share of the bytes has the same of the inodes."""
_LOOK_S = 0.5
_CALM_S, _CALM_COSTS = 30.0, 100.0
_URGENT_S, _URGENT_COSTS = 1.0, 5.0
"""Between two measurements at least so many seconds, and so many times what the last one took."""
_NOTICEABLE, _LEAST_LEFT = 4, 1 / 16
"""A loss of one part in so many of what is left to the run is looked into; near its end, of this share of all."""
_WARN = 0.8
_BOUNDS = ((10, 20.0), (0, 60.0))
"""Niceness and seconds of a measurement, and of one after it that was not done in time: the agent's processes may crowd it out."""
_GIB = 1 << 30


class Disk:
    """`step()` until it says that the ceiling is passed; `detail` words by what."""

    def __init__(self, ceiling: int, workspace: str) -> None:
        """Begin to measure what is there already. `ceiling` is in bytes."""
        self.warning = ""
        self._most = Use(ceiling, max(ceiling // _BYTES_PER_FILE, _LEAST_FILES))
        # By descriptor: a directory above a mount can be renamed away.
        self._places = [os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in (*HELD, workspace)]
        self._measured = self._added = Use(0, 0)
        self._base: Use | None = None
        self._failures, self._warned = 0, False
        self._cost_s, self._ended_at, self._looked_at = 0.0, 0.0, 0.0
        self._free = self._now_free()
        self._before = self._free
        self._measurement: Measurement | None = None
        self._begin()

    @property
    def detail(self) -> str:
        """What it added, of what it may."""
        if self._added.files / self._most.files > self._added.bytes / self._most.bytes:
            return f"{self._added.files:,} of {self._most.files:,} files"
        return f"{_sized(self._added.bytes)} of {_sized(self._most.bytes)}"

    def step(self) -> bool:
        """Go on watching; whether the run is over its ceiling. `warning` is set once, at 80 % of it."""
        if self._measurement is not None:
            return self._measurement.is_done() and self._end(self._measurement)
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return False
        self._looked_at = now
        return self._begin() if self._is_due(now - self._ended_at) else self._is_blind and self._guess()

    @property
    def _is_blind(self) -> bool:
        return self._failures >= len(_BOUNDS)

    def _is_due(self, since: float) -> bool:
        if since >= max(_CALM_S, _CALM_COSTS * self._cost_s):
            return True
        left = 1 - self._measured.share(self._most)
        noticeable = self._lost().share(self._most) * _NOTICEABLE > max(left, _LEAST_LEFT)
        return noticeable and since >= max(_URGENT_S, _URGENT_COSTS * self._cost_s)

    def _begin(self) -> bool:
        niceness, bound_s = _BOUNDS[min(self._failures, len(_BOUNDS) - 1)]
        self._before = self._now_free()
        try:
            self._measurement = Measurement(self._places, niceness=niceness, bound_s=bound_s)
        except OSError:  # the agent has taken all processes, say
            return self._failed()
        return False

    def _end(self, measurement: Measurement) -> bool:
        self._measurement, self._ended_at = None, time.monotonic()
        self._cost_s = self._ended_at - measurement.begun_at
        found = measurement.result()
        if found is None:
            return self._failed()
        self._failures, self._free = 0, self._before
        self._base = self._base or found
        self._measured = found.less(self._base)
        return self._judge(self._measured)

    def _failed(self) -> bool:
        self._failures += 1
        self._ended_at = time.monotonic()
        return self._guess() if self._is_blind else self._begin()

    def _guess(self) -> bool:
        """Nobody knows what it added: what the file systems lost in all is held against it."""
        return self._judge(self._measured.plus(self._lost()))

    def _judge(self, added: Use) -> bool:
        self._added = added
        share = added.share(self._most)
        if share > _WARN and not self._warned:
            self._warned, self.warning = True, self.detail
        return share > 1

    def _now_free(self) -> dict[tuple[int, int], Use]:
        """By file system. An overlay, which is another one, shows the figures of the one it writes to."""
        found = [os.fstatvfs(place) for place in self._places]
        return {(each.f_blocks, each.f_files): Use(each.f_bfree * each.f_frsize, each.f_ffree) for each in found}

    def _lost(self) -> Use:
        """What the file systems have less than when the last measurement began, by whomever."""
        now = self._now_free()
        lost = [before.less(now[which]) for which, before in self._free.items() if which in now]
        return Use(sum(max(0, each.bytes) for each in lost), sum(max(0, each.files) for each in lost))


def _sized(count: int) -> str:
    return f"{count / _GIB:.1f} GiB" if count >= _GIB // 2 else f"{count / (1 << 20):.0f} MiB"
