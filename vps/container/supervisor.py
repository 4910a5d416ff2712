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
from vps.container.bridge import Bridge
from vps.host.files import write_atomically

_TICK_S = 0.5
_KILL_AFTER_S = 3.0
_FULL_S, _FULL_BYTES = 2.0, 1 << 16
_LOOK_S = 5.0
"""What looking for a turn's changes may take: the next message waits for it."""
_AWAKE_S = 10.0
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
        self._begin = os.fstat(self._log).st_size
        """Where this life's lines begin in the log; 0 for the first container of a run."""
        self._known: set[str] | None = None
        self._fed = self._in_turn = False
        """Whether it was given something, and has not been told of the end of that."""
        self._deadline: float | None = None
        self._idle_since: float | None = None
        self._leave_at: float | None = None
        self._asked_to_stop = False
        self._reason: str | None = None
        self._stop_at = 0.0
        self._full_since: float | None = None
        self._bridge = Bridge()
        self._signalled = 0
        self._status: int | None = None

    def run(self) -> int:
        """Start the CLI, see it through, and return the container's exit code."""
        environ = launch.read_environ(paths.ENVIRON)
        self._cli = launch.Cli(launch.read_environ(paths.SECRETS) | environ, self._log)
        if "HTTPS_PROXY" in environ:
            self._bridge.start()
        launch.open_scratch()
        launch.furnish(paths.FURNITURE)
        launch.link_project_files(self._cli.cwd, self._cli.home)
        self._cli.start(self._argv())
        self._prepare()
        while self._status is None:
            self._step()
        return self._end()

    def _argv(self) -> str:
        """The file of the CLI's argv: a container after the first one goes on with the session, if there is one."""
        if self._begin:
            from vps.container import waking

            waking.clear()
            self._known = waking.known(self._cli.home)
        return paths.ARGV if self._known is None else paths.ARGV_RESUME

    def _wake_up(self, *_: object) -> None:
        pass  # without a handler the signal would not reach the wakeup descriptor

    def _ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def _prepare(self) -> None:
        # Imported only now: the CLI needs most of a second to start, and must not wait for these.
        import json

        from vps.container.attached import with_files
        from vps.container.changes import Changes
        from vps.container.disk import Disk
        from vps.container.echo import Echo
        from vps.container.edits import Edits
        from vps.container.inbox import Inbox
        from vps.container.inside import Inside
        from vps.container.notices import Notices
        from vps.container.pause import Pause
        from vps.container.pulse import Pulse
        from vps.container.questions import Questions
        from vps.container.receipts import Receipts
        from vps.container.recovery import Recovery
        from vps.container.standstill import Standstill
        from vps.host.watch import IN_MODIFY, Watch

        self._json = json
        with open(paths.LIMITS, encoding="utf-8") as file:
            limits = json.load(file)
        self._timeout_s, self._grace_s = float(limits["timeout_s"]), float(limits["grace_s"])
        self._idle_s = self._patience_s = float(limits["idle_s"])
        self._say("started")
        self._disk = Disk(limits["disk"], self._cli.cwd)
        pulse, times = Pulse(self._log, limits["hung"]), (self._grace_s, _KILL_AFTER_S)
        self._recovery = Recovery(self._cli, pulse, limits["hung"], times, self._say, self._give)
        self._receipts, self._with_files = Receipts(), with_files
        self._questions = Questions(self._cli.give, self._say, float(limits.get("question_s", 86_400)))
        self._inside, self._still = Inside(self._say, self._cli.give, limits.get("inside")), Standstill()
        self._edits = Edits(self._known or (), self._say, self._cli.give)
        notes = (pulse.note, self._receipts.note, self._questions.note, self._inside.note, self._edits.note)
        self._echo = Echo(paths.LOG, notes, self._begin)
        self._inbox = Inbox(paths.INBOX, self._known or ())
        self._changes = Changes(self._cli.cwd)
        self._watch = Watch()
        self._notices, self._pause = Notices(paths.NOTICES), Pause(self._cli)
        for path in (paths.INBOX, paths.LOG, paths.NOTICES):
            self._watch.add(path, IN_MODIFY)
        self._take(late=self._begin > 0)

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
        self._heed()
        self._cli.give(b"")
        self._echo.follow()
        self._edit()
        self._questions.step()
        self._inside.step()
        self._stand_still("a question", on=self._questions.are_open)
        self._stand_still("a call", on=self._inside.holds)
        self._check_life()
        self._check_idle()
        self._check_time()
        self._check_disk()
        self._check_ceiling()
        if self._reason is not None:
            self._inbox.shut(self._take)
        self._reap()
        self._bridge.check()

    def _heed(self) -> None:
        for kind, fields in self._notices.take():
            if kind == "paused" and self._reason is None:
                self._pause.begin()
                self._stand_still("a pause", on=True)
            elif kind == "unpaused":
                self._pause.end()
                self._stand_still("a pause", on=False)
            self._say(kind, **fields)
        self._pause.step()

    def _stand_still(self, why: str, *, on: bool) -> None:
        """Time that is not the agent's is added to the turn's."""
        was_on, passed = self._still.is_on, self._still.set(why, on=on)
        if self._still.is_on and not was_on:
            self._write_turn(None)
        elif self._deadline is not None and passed:
            self._deadline += passed
            self._write_turn(time.time() + self._deadline - time.monotonic())

    def _drain(self) -> None:
        try:
            os.read(self._wake, 4096)
        except BlockingIOError:
            pass
        self._watch.drain()

    def _take(self, *, late: bool = False) -> bool:
        """Feed what is new in the inbox; whether there was something. Orders that are read `late` were for a container before."""
        feed, orders, bad = self._inbox.take()
        for text in () if late else bad:
            self._say("bad_input", detail=text)
        for order in orders:
            self._edits.obey(order)
            if not late:
                self._obey(order)
        if orders and self._idle_since is not None:
            self._write_turn(None)  # it is idle with them too
        return self._feed(feed)

    def _edit(self) -> None:
        gone, lines = self._edits.step()
        self._receipts.forget(gone)
        self._recovery.forget(gone)
        self._feed(lines)

    def _feed(self, lines: list[bytes]) -> bool:
        if not lines or self._reason is not None or self._inbox.is_shut:
            return False
        self._recovery.gave(lines)
        self._give(lines)
        self._changes.begin()
        return True

    def _obey(self, order: dict[str, object]) -> None:
        self._questions.obey(order)
        self._inside.obey(order)
        op = order.get("op")
        if op == "stop":
            self._stop("stopped")
        elif op == "sleep" and self._idle_since is not None:
            self._idle_s = 0.0
        elif op == "interrupt" and self._idle_since is None:
            self._pause.end()
            self._stand_still("a pause", on=False)
            self._cli.give(launch.INTERRUPT)

    def _give(self, lines: list[bytes]) -> None:
        self._begin_turn()
        self._receipts.gave(lines)
        self._cli.give(b"".join(self._with_files(line) + b"\n" for line in lines))

    def _begin_turn(self) -> None:
        self._fed, self._echo.idle, self._idle_since, self._in_turn = True, False, None, True
        self._idle_s = self._patience_s
        if self._deadline is None:
            self._deadline = time.monotonic() + self._timeout_s
            self._write_turn(time.time() + self._timeout_s)
            self._say("turn_started", timeout_s=self._timeout_s)

    def _write_turn(self, deadline: float | None) -> None:
        deadline = None if self._still.is_on else deadline
        warm = self._idle_since is not None and self._reason is None and self._patience_s > 0
        turn = {"deadline": deadline, "idle": warm, "read": self._inbox.read}
        try:
            write_atomically(paths.TURN, self._json.dumps(turn).encode())
        except OSError:
            pass  # this process keeps the deadline; the keeper behind it goes without

    def _check_life(self) -> None:
        if self._still.is_on:
            return
        if self._fed and self._reason is None and self._leave_at is None and self._recovery.step(idle=self._echo.idle):
            self._stop("hung")

    def _check_idle(self) -> None:
        if self._questions.are_open and self._reason is None:
            return
        if self._receipts.are_due(idle=self._echo.idle) and self._reason is None:
            return
        if self._cli.unfed or not (self._echo.idle if self._fed else self._begin):
            return
        since = self._end_turn() if self._idle_since is None else self._idle_since
        # Who was woken for a message that is still on its way waits for it.
        if self._reason or time.monotonic() - since >= (self._idle_s if self._fed else max(self._idle_s, _AWAKE_S)):
            if not self._inbox.shut(self._take):
                return
            self._cli.close_stdin()
            self._leave_at = self._leave_at or time.monotonic() + _LEAVE_S

    def _end_turn(self) -> float:
        now, self._deadline = time.monotonic(), None
        self._idle_since = now
        if self._fed and self._reason is None:  # else it is told how the run ended
            self._say("turn_ended", changes=self._changes.end(_LOOK_S))
            self._in_turn = False
        self._write_turn(None)
        return now

    def _check_time(self) -> None:
        now = time.monotonic()
        if self._reason is None and self._deadline is not None and now >= self._deadline and not self._still.is_on:
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
        room = os.statvfs(paths.LOG)
        if room.f_bavail * room.f_frsize > _FULL_BYTES:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = time.monotonic()
        elif self._reason is None and time.monotonic() - self._full_since >= _FULL_S:
            self._release()
            self._stop("disk_full")

    def _check_ceiling(self) -> None:
        """What the run adds to the disk. Nothing of it is removed: it may be work."""
        if self._reason is not None:
            return
        if self._disk.step():
            self._stop("disk_ceiling")
        elif self._disk.warning:
            self._say("disk_low", detail=self._disk.warning)
            self._disk.warning = ""

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
        self._pause.end()
        self._inside.close()
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
        details = {"hung": self._recovery.detail, "disk_ceiling": self._disk.detail}
        reason = self._reason = self._reason or ("hung" if self._recovery.failed else "completed")
        self._release()
        self._inbox.shut(self._take)
        changes = self._changes.end() if self._in_turn else None
        self._say("ended", reason=reason, exit_code=code, changes=changes)
        self._echo.follow()
        record = {
            "reason": reason,
            "exit_code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "started_at": self._started_at,
            "ended_at": time.time(),
            "detail": details.get(reason, ""),
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
