"""The turn at hand, and the time after it: its deadline, what keeps that waiting, and what the keeper is told of both."""

from __future__ import annotations

import json
import os
import time

from vps.container import paths
from vps.container.inbox import Inbox
from vps.container.standstill import Standstill
from vps.host.files import write_atomically


class Turn:
    """A CLI is in a turn, or idle after one. Times are seconds of the monotonic clock, in the file epoch seconds."""

    def __init__(self, timeout_s: float, idle_s: float, inbox: Inbox) -> None:
        self.timeout_s = timeout_s
        self.idle_since: float | None = None
        self.is_last = False
        """Whether the run ends with it, so that nobody has to have it leave."""
        self._idle_s = self._patience_s = idle_s
        self._inbox = inbox
        self._deadline: float | None = None
        self._still = Standstill()

    @property
    def stands_still(self) -> bool:
        """Whether its time does not count."""
        return self._still.is_on

    @property
    def is_late(self) -> bool:
        """Whether its deadline is over."""
        return self._deadline is not None and time.monotonic() >= self._deadline and not self._still.is_on

    def begin(self) -> bool:
        """The CLI was given something; whether that begins a turn."""
        self.idle_since, self._idle_s = None, self._patience_s
        if self._deadline is not None:
            return False
        self._deadline = time.monotonic() + self.timeout_s
        self.write()
        return True

    def end(self) -> None:
        """The CLI is idle from now on. The keeper is told by `write`."""
        self._deadline, self.idle_since = None, time.monotonic()

    def stand_still(self, why: str, *, on: bool) -> None:
        """Time that is not the agent's is added to the turn's."""
        was_on, passed = self._still.is_on, self._still.set(why, on=on)
        if self._still.is_on and not was_on:
            self.write()
        elif self._deadline is not None and passed:
            self._deadline += passed
            self.write()

    def hurry(self) -> None:
        """Somebody waits for an idle one to leave."""
        self._idle_s = 0.0

    def has_idled(self, least_s: float = 0.0) -> bool:
        """Whether it is idle for as long as it may, and for `least_s`."""
        return self.idle_since is not None and time.monotonic() - self.idle_since >= max(self._idle_s, least_s)

    def write(self) -> None:
        """Tell the keeper."""
        deadline = None
        if self._deadline is not None and not self._still.is_on:
            deadline = time.time() + self._deadline - time.monotonic()
        warm = self.idle_since is not None and not self.is_last and self._patience_s > 0
        turn = {"deadline": deadline, "idle": warm, "read": self._inbox.read}
        try:
            write_atomically(paths.TURN, json.dumps(turn).encode())
        except OSError:
            _forget()


def _forget() -> None:
    """This process keeps the deadline; the keeper behind it goes without, also without the one before."""
    try:
        os.unlink(paths.TURN)
    except OSError:
        pass  # there was none
