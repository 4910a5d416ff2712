"""What is done with a CLI whose requests the gateway holds."""

from __future__ import annotations

import os
import signal
import time

from vps.container.launch import Cli

_FREEZE_S = 120.0
"""A request of the CLI's may stay unanswered for 300 s (see `vps.commands.claude.silence`). Frozen before that it does not give up,
however long the pause is; and by then the answers to what it had asked besides have come."""


class Pause:
    """Time during one is nobody's: no deadline counts it."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self._since: float | None = None
        self._frozen = False

    @property
    def is_on(self) -> bool:
        """Whether requests wait."""
        return self._since is not None

    def begin(self) -> None:
        """They wait from now on, or still."""
        self._since = self._since or time.monotonic()

    def end(self) -> float:
        """They go on, or nobody waits for them any more; the seconds it took."""
        if self._since is None:
            return 0.0
        passed, self._since = time.monotonic() - self._since, None
        if self._frozen:
            self._frozen = False
            os.kill(self._cli.pid, signal.SIGCONT)
        return passed

    def step(self) -> None:
        """Freeze the CLI once it is time. Its tools go on."""
        if self._since is not None and not self._frozen and time.monotonic() - self._since >= _FREEZE_S:
            self._frozen = True
            os.kill(self._cli.pid, signal.SIGSTOP)
