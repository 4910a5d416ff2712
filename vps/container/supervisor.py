"""Runs one CLI for one container: feeds it, bounds it, and writes down how it ended.

It runs as root beside the agent's processes, which run as uid 1001 without capabilities and so cannot signal it, read what
it reads or write what it writes. Nothing is attached to it: the host talks to it through files, and `docker stop` by SIGTERM.
"""

from __future__ import annotations

import os
import select
import signal
import time

from vps.container import launch, paths
from vps.host.files import write_atomically

_TICK_S = 0.5
_KILL_AFTER_S = 3.0
_FULL_S = 2.0
_LEAVE_S = 30.0
"""What a CLI that is done and whose stdin is closed may take to leave."""


class Supervisor:
    """The life of one CLI process. Times are seconds of the monotonic clock, those written to files are epoch seconds."""

    def __init__(self) -> None:
        self._started_at = time.time()
        self._wake, wake = os.pipe()
        for end in (self._wake, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._wake_up)
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        self._log = launch.open_log(paths.LOG)
        self._fed = False
        self._deadline: float | None = None
        self._idle_since: float | None = None
        self._leave_at: float | None = None
        self._asked_to_stop = False
        self._reason: str | None = None
        self._stop_at = 0.0
        self._full_since: float | None = None
        self._signalled = 0
        self._status: int | None = None

    def run(self) -> int:
        """Start the CLI, see it through, and return the container's exit code."""
        secrets = launch.take_credentials()
        self._cli = launch.Cli(launch.read_environ(paths.ENVIRON), secrets, self._log)
        launch.link_project_files(self._cli.cwd, self._cli.home)
        self._cli.start(paths.ARGV)
        self._prepare(list(secrets.values()))
        while self._status is None:
            self._step()
        return self._end()

    def _wake_up(self, *_: object) -> None:
        pass  # without a handler the signal would not reach the wakeup descriptor

    def _ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def _prepare(self, secrets: list[str]) -> None:
        # Imported only now: the CLI needs most of a second to start, and must not wait for these.
        import json

        from vps.container.changes import Changes
        from vps.container.echo import Echo
        from vps.container.inbox import Inbox
        from vps.container.pulse import Pulse
        from vps.container.receipts import Receipts
        from vps.container.recovery import Recovery
        from vps.host.watch import IN_MODIFY, Watch

        self._json = json
        with open(paths.LIMITS, encoding="utf-8") as file:
            limits = json.load(file)
        self._timeout_s, self._grace_s = float(limits["timeout_s"]), float(limits["grace_s"])
        self._idle_s = float(limits["idle_s"])
        self._say("started")
        pulse, times = Pulse(self._log, limits["hung"]), (self._grace_s, _KILL_AFTER_S)
        self._recovery = Recovery(self._cli, pulse, limits["hung"], times, self._say, self._give)
        self._receipts = Receipts()
        self._echo = Echo(paths.LOG, secrets, (pulse.note, self._receipts.note))
        self._inbox = Inbox(paths.INBOX)
        self._changes = Changes(self._cli.cwd)
        self._watch = Watch()
        for path in (paths.INBOX, paths.LOG):
            self._watch.add(path, IN_MODIFY)
        self._take()
        self._changes.begin()

    def _say(self, subtype: str, **fields: object) -> None:
        line = {"type": "agentflow", "subtype": subtype, "at": round(time.time(), 3), **fields}
        try:
            os.write(self._log, self._json.dumps(line).encode() + b"\n")
        except OSError:
            pass  # a full disk takes the line, not the run

    def _step(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        poll.register(self._watch.fileno(), select.POLLIN)
        if self._cli.unfed and self._cli.stdin >= 0:
            poll.register(self._cli.stdin, select.POLLOUT)
        poll.poll((0.05 if self._echo.stalled else _TICK_S) * 1000)
        self._drain()
        if self._asked_to_stop:
            self._stop("stopped")
        self._take()
        self._cli.give(b"")
        self._echo.follow()
        self._check_life()
        self._check_idle()
        self._check_time()
        self._check_disk()
        if self._reason is not None:
            self._inbox.shut(self._take)
        self._reap()

    def _drain(self) -> None:
        try:
            os.read(self._wake, 4096)
        except BlockingIOError:
            pass
        self._watch.drain()

    def _take(self) -> bool:
        """Feed what is new in the inbox; whether there was something."""
        feed, orders, bad = self._inbox.take()
        for text in bad:
            self._say("bad_input", detail=text)
        for order in orders:
            if order.get("op") == "stop":
                self._stop("stopped")
        if not feed or self._reason is not None or self._inbox.is_shut:
            return False
        self._recovery.gave(feed)
        self._give(feed)
        return True

    def _give(self, lines: list[bytes]) -> None:
        self._begin_turn()
        self._receipts.gave(lines)
        self._cli.give(b"".join(line + b"\n" for line in lines))

    def _begin_turn(self) -> None:
        self._fed, self._echo.idle, self._idle_since = True, False, None
        if self._deadline is None:
            self._deadline = time.monotonic() + self._timeout_s
            self._write_turn(time.time() + self._timeout_s)
            self._say("turn_started", timeout_s=self._timeout_s)

    def _write_turn(self, deadline: float | None) -> None:
        try:
            write_atomically(paths.TURN, self._json.dumps({"deadline": deadline}).encode())
        except OSError:
            pass  # this process keeps the deadline; the keeper behind it goes without

    def _check_life(self) -> None:
        if self._fed and self._reason is None and self._leave_at is None and self._recovery.step(idle=self._echo.idle):
            self._stop("hung")

    def _check_idle(self) -> None:
        if self._receipts.are_due(idle=self._echo.idle) and self._reason is None:
            return
        if not (self._fed and self._echo.idle) or self._cli.unfed:
            return
        if self._idle_since is None:
            self._idle_since, self._deadline = time.monotonic(), None
            self._write_turn(None)
        if self._reason or time.monotonic() - self._idle_since >= self._idle_s:
            if not self._inbox.shut(self._take):
                return
            self._cli.close_stdin()
            self._leave_at = self._leave_at or time.monotonic() + _LEAVE_S

    def _check_time(self) -> None:
        now = time.monotonic()
        if self._reason is None and self._deadline is not None and now >= self._deadline:
            self._stop("timeout")
        if self._reason is None and self._leave_at is not None and now >= self._leave_at:
            self._signal(signal.SIGKILL if self._signalled else signal.SIGTERM)
            self._leave_at = now + _KILL_AFTER_S
        if self._reason is None:
            return
        if self._signalled == 0 and now >= self._stop_at + self._grace_s:
            self._signal(signal.SIGTERM)
        elif self._signalled == signal.SIGTERM and now >= self._stop_at + self._grace_s + _KILL_AFTER_S:
            self._signal(signal.SIGKILL)

    def _check_disk(self) -> None:
        """What the CLI says while nothing can be written is lost, also that it is done: the run is not worth its time then."""
        if os.statvfs(paths.LOG).f_bavail:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = time.monotonic()
        elif self._reason is None and time.monotonic() - self._full_since >= _FULL_S:
            self._release()
            self._stop("disk_full")

    def _release(self) -> None:
        """Give back the room that was set aside for the last lines and the record of the end; the last line may be torn."""
        try:
            os.unlink(paths.RESERVE)
            if self._full_since is not None:
                os.write(self._log, b"\n")
        except OSError:
            pass

    def _stop(self, reason: str) -> None:
        """Interrupt the turn: the CLI then ends its tools and writes a result, which a signal would not give (measured)."""
        if self._reason is not None:
            return
        self._reason, self._stop_at = reason, time.monotonic()
        if reason != "hung":  # that was said
            self._say("timeout" if reason == "timeout" else "stopping")
        self._cli.give(launch.INTERRUPT)
        if self._echo.idle or not self._fed:
            self._cli.close_stdin()

    def _signal(self, number: int) -> None:
        self._signalled = number
        self._cli.signal(number)

    def _reap(self) -> None:
        status = self._cli.reap()
        if status is not None and (self._reason is not None or not self._recovery.replace()):
            self._status = status

    def _end(self) -> int:
        assert self._status is not None
        code = os.waitstatus_to_exitcode(self._status)
        reason = self._reason = self._reason or ("hung" if self._recovery.failed else "completed")
        self._release()
        self._inbox.shut(self._take)
        self._say("ended", reason=reason, exit_code=code, changes=self._changes.end())
        self._echo.follow()
        record = {
            "reason": reason,
            "exit_code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "started_at": self._started_at,
            "ended_at": time.time(),
            "detail": self._recovery.detail if reason == "hung" else "",
        }
        write_atomically(paths.EXIT, self._json.dumps(record).encode())
        return code if code >= 0 else 128 - code


def main() -> int:
    """Run the supervisor; an exception of its own is written down where the control plane looks."""
    try:
        return Supervisor().run()
    except Exception as error:  # noqa: BLE001  the last chance to tell why nothing ran
        import json

        record = {
            "reason": "failed_to_start",
            "exit_code": None,
            "signal": None,
            "detail": f"{type(error).__name__}: {error}",
        }
        write_atomically(paths.EXIT, json.dumps(record | {"started_at": 0.0, "ended_at": time.time()}).encode())
        return 70
