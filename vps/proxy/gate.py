"""Decides whether a request may go on, holds it until it may, and tells its run. One lock guards everything here."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

from vps.host.files import write_atomically
from vps.proxy import books, limits, notices, paths, refresh
from vps.proxy.limits import Wait
from vps.proxy.resolver import Resolver
from vps.proxy.state import Json, State, read

_LOOK_S = 5.0
"""Somebody who waits looks again after this long, or at the time he waits for; whatever else changes is told."""
_SOON_S = 0.2
_FRESH_S = 10.0
"""A refusal that comes sooner after a new credential was set may still be about the one before."""
_AGAIN_S = 60.0
_RENEW = "Renew it with `agentflow credential`; then they go on."
ENDED = "This run has ended."


class Gate:
    """Requests wait here in threads of their own; `tick` is called by the one that watches the files."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state = State()
        self._books = books.Books(paths.BOOKS)
        self._denials = notices.Denials()
        self._status = read(paths.STATUS)
        self._held: dict[str, int] = {}
        self._paused: dict[str, str] = {}
        self._asked: dict[str, list[float]] = {}
        self._warned: set[tuple[str, str, int]] = set()
        self._persons: dict[str, str] = {}
        """Whose the runs are; of those too that ended since this was tidied: their last line may come after their spec went."""
        self._renewing: threading.Thread | None = None
        self._renewed_at = 0.0

    def looks_up(self) -> Resolver:
        """Where Envoy has names looked up from now on."""
        resolver = Resolver(self._state.is_inward)
        self._state.dns = resolver.port
        return resolver

    def begin(self) -> None:
        """Load, and let go on those that an earlier life of this process told to pause: nobody holds their requests any more."""
        self.load()
        for run in self._state.runs:
            if notices.is_paused(run):
                notices.tell(run, "unpaused")

    def load(self) -> None:
        """Files have changed: what they say holds from now on, also for those who wait."""
        with self._changed:
            before = _identity(self._state.credential)
            self._read_model_log()  # while it is known whose the runs are that go now
            self._state.load()
            self._persons |= _persons(self._state.runs)
            self._books.relate(_kin(self._state.runs))
            if _identity(self._state.credential) != before:
                self._note_status(refused=None, limited_until=None, set_at=time.time())
            self._changed.notify_all()

    def why_not(self, run: str) -> str | None:
        """Returns once the run's request may go on, or why it may not: there is no such run any more. A conversation is not held:
        a person waits for it, and reads why."""
        with self._changed:
            wait = self._waits_for(run)
            if wait is not None and self._state.runs[run].get("talk"):
                return limits.refusal(wait)
            return None if self._waited(run, wait) else ENDED

    def _waited(self, run: str, wait: Wait | None) -> bool:
        if wait is None:
            return self._let(run)
        self._held[run] = self._held.get(run, 0) + 1
        try:
            while wait is not None and run in self._state.runs:
                self._pause(run, wait)
                self._changed.wait(_until(wait))
                wait = self._waits_for(run)
        finally:
            self._held[run] -= 1
        if not self._held[run] and self._paused.pop(run, None) and run in self._state.runs:
            notices.tell(run, "unpaused")
        return self._let(run)

    def _let(self, run: str) -> bool:
        if run not in self._state.runs:
            return False
        # No more than decide: whoever floods this must not make everybody's requests slower with each of his own.
        most = self._state.settings.get("requests_per_minute") or 1
        self._asked[run] = [*self._asked.get(run, []), time.time()][-most:]
        return True

    def _waits_for(self, run: str) -> Wait | None:
        spec = self._state.runs.get(run)
        if spec is None:
            return None
        self._read_model_log()
        now = time.time()
        if not self._state.credential.get("secret"):
            return Wait("credential", None, f"the VPS has no credential for the model. {_RENEW}")
        waits = limits.credential(self._status, now)
        person = str(spec.get("person", ""))
        allowed = limits.budget(self._state.settings, self._state.grants, run, spec, now)
        spent = self._books.spent(run, person, now)
        self._warn(run, limits.warnings(spent, allowed), now)
        per_minute = self._state.settings.get("requests_per_minute")
        above = {each: self._books.spent(each, "", now).run for each in spec.get("ancestors", {})}
        over = limits.over(spent, allowed, now) or limits.above(
            self._state.settings, self._state.grants, spec, above, now
        )
        return waits or over or limits.too_often(self._asked.get(run, []), per_minute, now)

    def _pause(self, run: str, wait: Wait) -> None:
        # Not by its text: the sums in it change with every answer that others still get.
        if self._paused.get(run) != wait.kind:
            self._paused[run] = wait.kind
            notices.tell(run, "paused", why=wait.kind, until=wait.until, text=wait.text)

    def _warn(self, run: str, warnings: list[tuple[str, str]], now: float) -> None:
        for scope, text in warnings:
            key = (run, scope, int(now // 86_400))
            if key not in self._warned:
                self._warned.add(key)
                notices.tell(run, "warned", why=f"budget_{scope}", text=text)

    def refused(self, status: str, reset: str | None) -> None:
        """The model's API refused the credential (401), or its plan until `reset` (epoch seconds)."""
        now = time.time()
        with self._changed:
            if status == "429":
                self._note_status(limited_until=float(reset) if reset and reset.isdecimal() else now + _AGAIN_S)
            elif now - float(self._status.get("set_at") or 0) > _FRESH_S or self._state.credential.get("refresh_token"):
                self._note_status(refused=f"the model's API no longer accepts the credential. {_RENEW}")
            self._renew_if_due()

    def _note_status(self, **changes: Any) -> None:
        self._status.update(changes)
        self._changed.notify_all()
        write_atomically(paths.STATUS, json.dumps(self._status).encode(), 0o600)

    def tick(self) -> None:
        """Now and then: count what was spent, tell of what was denied, renew what ends."""
        with self._changed:
            self._read_model_log()
            self._read_egress_log()
            self._renew_if_due()

    def tidy(self) -> None:
        """Once in a while: forget what is old."""
        with self._changed:
            self._books.forget(time.time())
            self._read_model_log()
            self._persons = _persons(self._state.runs)
            self._warned = {key for key in self._warned if key[0] in self._state.runs}
            self._state.sweep()
            self._asked = {run: times for run, times in self._asked.items() if run in self._state.runs}

    def _read_model_log(self) -> None:
        try:
            self._count()
        except (OSError, sqlite3.Error) as error:
            # A full disk: what cannot be written down now is read again later, and who asks is not kept waiting for it.
            print(f"books: {error}", file=sys.stderr, flush=True)

    def _count(self) -> None:
        lines, inode, offset = books.new_lines(paths.MODEL_LOG, self._books.up_to(paths.MODEL_LOG))
        if lines:
            rows = [found for line in lines if (found := books.row(line, self._persons)) is not None]
            self._books.note(paths.MODEL_LOG, inode, offset, rows)
            self._note_plan(lines[-1])

    def _note_plan(self, line: bytes) -> None:
        """How much of a subscription's limits is used, as its API tells with every answer."""
        try:
            found: Json = json.loads(line)
        except ValueError:
            return
        told = {name: found[name] for name in ("used_5h", "used_7d", "reset_5h", "reset_7d") if found.get(name)}
        if told and any(self._status.get(name) != value for name, value in told.items()):
            self._note_status(**told)

    def _read_egress_log(self) -> None:
        lines, inode, offset = books.new_lines(paths.EGRESS_LOG, self._books.up_to(paths.EGRESS_LOG))
        for line in lines:
            self._denials.note(line)
        if lines:
            self._books.note(paths.EGRESS_LOG, inode, offset)

    def _renew_if_due(self) -> None:
        now = time.time()
        busy = self._renewing is not None and self._renewing.is_alive()
        is_due = refresh.due(self._state.credential, refused=bool(self._status.get("refused")), now=now)
        if is_due and not busy and now - self._renewed_at > _AGAIN_S:
            self._renewed_at = now
            self._renewing = threading.Thread(target=self._renew, args=(dict(self._state.credential),), daemon=True)
            self._renewing.start()

    def _renew(self, credential: Json) -> None:
        try:
            new = refresh.renewed(credential)
        except refresh.NotRenewed as error:
            with self._changed:
                remedy = f"Log in again. {_RENEW}" if error.final else "It is tried again every minute."
                self._note_status(refused=f"the subscription's token ended and could not be renewed: {error}. {remedy}")
            return
        with _locked():
            # From the file: what the host was just given may not have been read yet.
            if read(paths.CREDENTIAL) == credential:
                write_atomically(paths.CREDENTIAL, json.dumps(new).encode(), 0o600)
        self.load()


@contextlib.contextmanager
def _locked() -> Generator[None, None, None]:
    """As the host's side locks what it changes (vps.host.gateway)."""
    descriptor = os.open(paths.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _persons(runs: dict[str, Json]) -> dict[str, str]:
    return {run: str(spec.get("person", "")) for run, spec in runs.items()}


def _kin(runs: dict[str, Json]) -> list[tuple[str, str]]:
    return [(run, above) for run, spec in runs.items() for above in spec.get("ancestors", {})]


def _until(wait: Wait) -> float:
    return _LOOK_S if wait.until is None else min(_LOOK_S, max(_SOON_S, wait.until - time.time()))


def _identity(credential: Json) -> tuple[object, object]:
    """Changes with every credential that somebody vouches for, also with the same one again."""
    return credential.get("secret"), credential.get("renewed_at")


def rotate(log: str, most: int) -> bool:
    """Set a long access log aside, its last reader having read it; whether Envoy has to open it anew."""
    try:
        if os.stat(log).st_size < most:
            return False
    except FileNotFoundError:
        return False
    os.rename(log, f"{log}.1")
    return True
