"""The way to the network: a port of the container's own loopback that leads to the run's socket at the gateway."""

from __future__ import annotations

import os
import time

from vps.container import paths

_PORT = 3128
_AGAIN_S = 1.0
_NOBODY = 65534
"""Another user than the agent's, so that no agent ends it."""


class Bridge:
    """One process, kept alive."""

    def __init__(self) -> None:
        self._pid, self._started = 0, 0.0

    def start(self) -> None:
        """Start it."""
        drop = ["/usr/bin/setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        drop += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]
        listen = f"TCP-LISTEN:{_PORT},bind=127.0.0.1,reuseaddr,fork,backlog=256"
        argv = [*drop, "/usr/bin/socat", "-T", "3600", listen, f"UNIX-CONNECT:{paths.EGRESS}"]
        files = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1)]
        files.append((os.POSIX_SPAWN_OPEN, 2, paths.ERRORS, os.O_WRONLY | os.O_APPEND, 0))
        self._pid, self._started = os.posix_spawn(argv[0], argv, {}, file_actions=files, setsid=True), time.monotonic()

    def check(self) -> None:
        """Start it again if it has ended, at most once a second."""
        if self._pid and os.waitpid(self._pid, os.WNOHANG)[0]:
            self._pid = 0
        if not self._pid and self._started and time.monotonic() - self._started > _AGAIN_S:
            self.start()
