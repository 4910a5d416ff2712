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

_TICK_S = 0.5
_LOOK_S = 5.0
"""What looking for a turn's changes may take: the next message waits for it."""
_AWAKE_S = 10.0


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
        self._asked_to_stop = False
        self._reason: str | None = None
        self._bridge = Bridge()
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

        from vps.container import ending
        from vps.container.attached import with_files
        from vps.container.changes import Changes
        from vps.container.disk import Disk
        from vps.container.echo import Echo
        from vps.container.edits import Edits
        from vps.container.inbox import Inbox
        from vps.container.inside import Inside
        from vps.container.leaving import KILL_AFTER_S, Leaving
        from vps.container.notices import Notices
        from vps.container.pause import Pause
        from vps.container.pulse import Pulse
        from vps.container.questions import Questions
        from vps.container.receipts import Receipts
        from vps.container.recovery import Recovery
        from vps.container.reserve import Reserve
        from vps.container.turn import Turn
        from vps.host.watch import IN_MODIFY, Watch

        self._json, self._ending = json, ending
        with open(paths.LIMITS, encoding="utf-8") as file:
            limits = json.load(file)
        grace_s = float(limits["grace_s"])
        self._say("started")
        self._disk, self._reserve = Disk(limits["disk"], self._cli.cwd), Reserve(self._log)
        self._leaving = Leaving(self._cli, grace_s)
        pulse, times = Pulse(self._log, limits["hung"]), (grace_s, KILL_AFTER_S)
        self._recovery = Recovery(self._cli, pulse, limits["hung"], times, self._say, self._give)
        self._receipts, self._with_files = Receipts(), with_files
        self._questions = Questions(self._cli.give, self._say, float(limits.get("question_s", 86_400)))
        self._inside = Inside(self._say, self._cli.give, limits.get("inside"))
        self._edits = Edits(self._known or (), self._say, self._cli.give)
        notes = (pulse.note, self._receipts.note, self._questions.note, self._inside.note, self._edits.note)
        self._echo = Echo(paths.LOG, notes, self._begin)
        self._inbox = Inbox(paths.INBOX, self._known or ())
        self._turn = Turn(float(limits["timeout_s"]), float(limits["idle_s"]), self._inbox)
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
        self._turn.stand_still("a question", on=self._questions.are_open)
        self._turn.stand_still("a call", on=self._inside.holds)
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
                self._turn.stand_still("a pause", on=True)
            elif kind == "unpaused":
                self._pause.end()
                self._turn.stand_still("a pause", on=False)
            self._say(kind, **fields)
        self._pause.step()

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
        if orders and self._turn.idle_since is not None:
            self._turn.write()  # it is idle with them too
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
        elif op == "sleep" and self._turn.idle_since is not None:
            self._turn.hurry()
        elif op == "interrupt" and self._turn.idle_since is None:
            self._pause.end()
            self._turn.stand_still("a pause", on=False)
            self._cli.give(launch.INTERRUPT)

    def _give(self, lines: list[bytes]) -> None:
        self._begin_turn()
        self._receipts.gave(lines)
        self._cli.give(b"".join(self._with_files(line) + b"\n" for line in lines))

    def _begin_turn(self) -> None:
        self._fed, self._echo.idle, self._in_turn = True, False, True
        if self._turn.begin():
            self._say("turn_started", timeout_s=self._turn.timeout_s)

    def _check_life(self) -> None:
        if self._turn.stands_still or self._leaving.has_begun:
            return
        if self._fed and self._reason is None and self._recovery.step(idle=self._echo.idle):
            self._stop("hung")

    def _check_idle(self) -> None:
        if self._questions.are_open and self._reason is None:
            return
        if self._receipts.are_due(idle=self._echo.idle) and self._reason is None:
            return
        if self._cli.unfed or not (self._echo.idle if self._fed else self._begin):
            return
        if self._turn.idle_since is None:
            self._end_turn()
        # Who was woken for a message that is still on its way waits for it.
        if self._reason or self._turn.has_idled(0.0 if self._fed else _AWAKE_S):
            if not self._inbox.shut(self._take):
                return
            self._leaving.begin()

    def _end_turn(self) -> None:
        self._turn.end()
        if self._fed and self._reason is None:  # else it is told how the run ended
            self._say("turn_ended", changes=self._changes.end(_LOOK_S))
            self._in_turn = False
        self._turn.write()

    def _check_time(self) -> None:
        if self._reason is None and self._turn.is_late:
            self._stop("timeout")
        self._leaving.step()

    def _check_disk(self) -> None:
        if self._reserve.step() and self._reason is None:
            self._reserve.release()
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

    def _stop(self, reason: str) -> None:
        """Have the CLI end its turn and leave, for this reason; the first one counts."""
        if self._reason is not None:
            return
        self._reason, self._turn.is_last = reason, True
        self._pause.end()
        self._inside.close()
        if reason != "hung":  # that was said
            self._say("timeout" if reason == "timeout" else "stopping")
        self._leaving.stop()
        if self._echo.idle or not self._fed:
            self._cli.close_stdin()

    def _reap(self) -> None:
        status = self._cli.reap()
        if status is not None and (self._reason is not None or not self._recovery.replace()):
            self._status = status

    def _end(self) -> int:
        assert self._status is not None
        code = os.waitstatus_to_exitcode(self._status)
        details = {"hung": self._recovery.detail, "disk_ceiling": self._disk.detail}
        reason = self._reason = self._reason or ("hung" if self._recovery.failed else "completed")
        self._turn.is_last = True
        self._reserve.release()
        self._inbox.shut(self._take)
        changes = self._changes.end() if self._in_turn else None
        self._say("ended", reason=reason, exit_code=code, changes=changes)
        self._echo.follow()
        self._ending.record(reason, code, started_at=self._started_at, detail=details.get(reason, ""))
        return code if code >= 0 else 128 - code


def main() -> int:
    """Run the supervisor; an exception of its own is written down where the control plane looks."""
    try:
        return Supervisor().run()
    except Exception as error:  # noqa: BLE001  the last chance to tell why nothing ran
        from vps.container import ending

        ending.record("failed_to_start", detail=f"{type(error).__name__}: {error}")
        return 70
