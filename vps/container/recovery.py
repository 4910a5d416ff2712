"""What is done about a CLI that hangs, once: it is interrupted and goes on; in vain, another takes its place in the session."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

from vps.container import paths
from vps.container.launch import INTERRUPT, Cli
from vps.container.processes import kill_below
from vps.container.pulse import Pulse
from vps.container.session import held

_WATCHING, _INTERRUPTED, _TERMINATED, _KILLED, _RESUMED = range(5)


class Recovery:
    """Watches over one CLI.

    limits: those of `Pulse`; the `session_id`; `message`, the inbox line that tells the agent what happened. `grace_s` is what
    an interrupted turn may take to end, `kill_s` a CLI to leave. `say` writes a line into the log, `give` gives the CLI lines.
    """

    def __init__(
        self,
        cli: Cli,
        pulse: Pulse,
        limits: dict[str, Any],
        times: tuple[float, float],
        say: Callable[..., None],
        give: Callable[[list[bytes]], None],
    ) -> None:
        self._cli, self._pulse, self._limits = cli, pulse, limits
        self._grace_s, self._kill_s = times
        self._say, self._give = say, give
        self._phase = _WATCHING
        self._next_at = 0.0
        self._given: dict[str, bytes] = {}
        self._replaced = False
        self.detail = ""
        """What the last judgement rests on."""

    @property
    def failed(self) -> bool:
        """Whether the CLI that was to go on never began a turn."""
        return self._replaced and not self._pulse.spoke

    def gave(self, lines: list[bytes]) -> None:
        """These are on their way to the CLI."""
        self._given.update((str(json.loads(line).get("uuid")), line) for line in lines)

    def forget(self, ids: list[str]) -> None:
        """The CLI has dropped these; another one is not to have them."""
        for each in ids:
            self._given.pop(each, None)

    def step(self, *, idle: bool) -> bool:
        """Do what is to be done now; whether the CLI is to be given up. `idle`: it has ended its turn."""
        if self._phase in (_WATCHING, _RESUMED):
            return not idle and self._pulse.stopped(self._cli.pid) and self._act()
        if idle and self._phase == _INTERRUPTED:
            self._resume("interrupted", [])
        elif time.monotonic() >= self._next_at:
            self._end()
        return False

    def _act(self) -> bool:
        again = self._phase == _RESUMED
        self.detail = self._pulse.seen(self._cli.pid)
        self._say("hung", detail=self.detail, reason="again" if again else "first")
        if not again:
            self._cli.give(INTERRUPT)
            self._phase, self._next_at = _INTERRUPTED, time.monotonic() + self._grace_s
        return again

    def _end(self) -> None:
        if self._phase == _INTERRUPTED:
            # A CLI that ends by a signal leaves its tools behind (measured), to work beside those of the next one.
            kill_below(self._cli.pid)
            self._cli.signal(signal.SIGTERM)
            self._phase, self._next_at = _TERMINATED, time.monotonic() + self._kill_s
        elif self._phase == _TERMINATED:
            self._cli.signal(signal.SIGKILL)
            self._phase = _KILLED

    def replace(self) -> bool:
        """The CLI has ended: whether another one goes on, with what that had not taken into its session."""
        if self._phase in (_WATCHING, _RESUMED):
            return False
        known = held(self._cli.home, str(self._limits["session_id"]), list(self._given))
        self._pulse.begin()
        self._replaced = True
        try:
            self._cli.start(paths.ARGV if known is None else paths.ARGV_RESUME)
        except OSError as error:
            self.detail = f"no other process could be started: {error}"
            return False
        self._resume("replaced", [line for uuid, line in self._given.items() if uuid not in (known or ())])
        return True

    def _resume(self, how: str, lines: list[bytes]) -> None:
        self._phase = _RESUMED
        self._pulse.begin()
        self._say("resumed", reason=how)
        self._give([*lines, self._limits["message"].encode()])
