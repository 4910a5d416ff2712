"""One process per connection that feeds every run's log and answers every question over one SSH channel.

stdin takes JSON lines:
    {"op":"follow","run":NAME,"offset":N} · {"op":"forget","run":NAME} · {"op":"ping"}
    {"op":"ask","id":N,"verb":VERB,"request":{…}}      see vps.host.answers
stdout gives frames, each a JSON line and, for `data` and `answer`, that many bytes after it:
    {"t":"hello","runs":[NAME…],"open":[NAME…],"sizes":{NAME:N}}   at the start; those that have not ended, and how long each log is
    {"t":"run","run":NAME}                             a run directory appeared, or one that had ended was woken
    {"t":"data","run":NAME,"offset":N,"size":M,"quiet_s":S} BYTES  the log from N on, written to S seconds ago
    {"t":"end","run":NAME,"size":N,"docker":{…},"exit":{…}|null}   ended, and everything up to N was sent
    {"t":"queue","run":NAME,"place":N,"why":TEXT}      its place in the queue is another, or what it waits for; 0: it waits no more
    {"t":"fault","run":NAME,"what":"missing"|"shrank"|"replaced"|"unreadable"}   it is followed no further
    {"t":"answer","id":N,"size":M} JSON                in any order
    {"t":"pong"}

A command through an SSH session of its own costs a login shell and often an interpreter, 90-190 ms each (measured); a
question here costs what it asks for. The log is an agent's: it is opened as a regular file only and never written. A process
per log would meet sshd's session limit at 10 and inotify's at 128 (measured); one process carried 1,000 logs.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
import traceback
from typing import Any

from vps.host import keeper, layout, starts, workspaces
from vps.host.answers import answer
from vps.host.files import NotRegular, open_regular
from vps.host.output import Output
from vps.host.watch import IN_CLOSE_WRITE, IN_CREATE, IN_MODIFY, IN_MOVED_TO, Watch

_PIECE = 1 << 18
_SILENCE_S = 45.0
_TICK_S = 1.0
_KEEP_S = 10.0
# Bursts of lines leave as one frame: half the CPU at 10,000 lines/s, unseen by a person (measured with 20 ms).
_COALESCE_S = 0.005
_INOTIFY = struct.Struct("iIII")
_LOG = os.path.join("out", "out.jsonl")


class Gone(Exception):
    """The log can be followed no further; `str()` is the frame's `what`."""


class Follow:
    """One log, read from an offset on."""

    def __init__(self, root: str, name: str, offset: int) -> None:
        self.name = name
        self.offset = offset
        try:
            self._directory = layout.run(root, name)
            self._path = os.path.join(self._directory, _LOG)
            self._fd = open_regular(self._path)
        except NotRegular as error:
            raise Gone("unreadable") from error
        except (OSError, ValueError) as error:
            raise Gone("missing") from error
        self._inode = os.fstat(self._fd).st_ino
        self.place: dict[str, Any] = {"place": 0, "why": ""}
        """In the queue, as it was told last."""

    def read(self) -> bytes:
        """The next piece, empty if there is none yet. Raises Gone."""
        data = os.pread(self._fd, _PIECE, self.offset)
        if not data and os.fstat(self._fd).st_size < self.offset:
            raise Gone("shrank")
        self.offset += len(data)
        return data

    @property
    def quiet_s(self) -> float:
        """How long ago something was written to it."""
        return round(max(0.0, time.time() - os.fstat(self._fd).st_mtime), 3)

    def check(self) -> None:
        """Raises Gone if the path leads to another file by now, or to none."""
        try:
            if os.lstat(self._path).st_ino != self._inode:
                raise Gone("replaced")
        except FileNotFoundError as error:
            raise Gone("missing") from error

    def end(self) -> dict[str, Any] | None:
        """How it ended, once the keeper has written that down."""
        docker = layout.read_json(os.path.join(self._directory, "docker.json"))
        if docker is None:
            return None
        return {"docker": docker, "exit": layout.read_json(os.path.join(self._directory, "out", "exit.json"))}

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)


class Relay:
    """The loop: wait for inotify or stdin, send what is new, one piece a run in turn."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._follows: dict[str, Follow] = {}
        self._watched: dict[int, str] = {}
        self._dirty: set[str] = set()
        self._commands = b""
        self._output = Output(1)
        self._heard = time.monotonic()
        self._swept = 0.0
        self._kept = 0.0
        self._watch = Watch()
        os.makedirs(layout.runs(root), mode=0o700, exist_ok=True)
        self._runs_watch = self._add(layout.runs(root), IN_CREATE | IN_MOVED_TO)
        self._known = layout.lives(root)

    def run(self) -> None:
        """Until stdin ends or nothing was heard for 45 s: a dropped connection must not leave a process behind."""
        sizes = {name: _size(self._root, name) for name in self._known}
        is_open = [name for name in sorted(self._known) if layout.is_open(self._root, name)]
        self._send({"t": "hello", "runs": sorted(self._known), "open": is_open, "sizes": sizes})
        while time.monotonic() - self._heard < _SILENCE_S:
            self._output.write()
            ready = self._wait()
            if 0 in ready and not self._listen():
                return
            if self._watch.fileno() in ready:
                time.sleep(_COALESCE_S)
                self._notice()
            self._sweep()
            for name in [] if self._output.full else list(self._dirty):
                self._advance(name)

    def _wait(self) -> list[Any]:
        """What can be read: until then, until there is room to write what waits, or a tick has passed."""
        writing = [self._output] if self._output.waiting else []
        patience = 0 if self._dirty and not self._output.full else _TICK_S
        ready, _, _ = select.select([0, self._watch.fileno(), self._output.wake], writing, [], patience)
        return ready

    def _send(self, head: dict[str, Any], body: bytes = b"") -> None:
        self._output.add(json.dumps(head, separators=(",", ":")).encode() + b"\n" + body)

    def _listen(self) -> bool:
        try:
            data = os.read(0, 65_536)
        except BlockingIOError:
            return True  # stdin and stdout may be one socket, and that does not block
        self._heard = time.monotonic()
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, order: dict[str, Any]) -> None:
        if order["op"] == "follow":
            self._follow(order["run"], int(order["offset"]))
        elif order["op"] == "forget":
            self._forget(order["run"])
        elif order["op"] == "ask":
            threading.Thread(target=self._answer, args=(order,), daemon=True).start()
        else:
            self._send({"t": "pong"})

    def _answer(self, order: dict[str, Any]) -> None:
        try:
            found = answer(self._root, order["verb"], order["request"])
        except Exception:  # noqa: BLE001  it is told to whoever asked
            found = {"failed": traceback.format_exc(limit=-3)}
        body = json.dumps(found).encode()
        self._send({"t": "answer", "id": order["id"], "size": len(body)}, body)

    def _follow(self, name: str, offset: int) -> None:
        self._forget(name)
        try:
            self._follows[name] = Follow(self._root, name, offset)
        except Gone as gone:
            self._send({"t": "fault", "run": name, "what": str(gone)})
            return
        directory = layout.run(self._root, name)
        for path, mask in ((directory, IN_MOVED_TO), (os.path.join(directory, _LOG), IN_MODIFY | IN_CLOSE_WRITE)):
            descriptor = self._add(path, mask)
            if descriptor is not None:
                self._watched[descriptor] = name
        self._dirty.add(name)
        self._tell_places()

    def _add(self, path: str, mask: int) -> int | None:
        """Watch it; without, where the host's limit is reached (inotify(7)), every tick looks for itself."""
        try:
            return self._watch.add(path, mask)
        except OSError as error:
            print(f"inotify: {error}", file=sys.stderr, flush=True)
            return None

    def _forget(self, name: str) -> None:
        follow = self._follows.pop(name, None)
        self._dirty.discard(name)
        if follow is None:
            return
        follow.close()
        for descriptor in [known for known, owner in self._watched.items() if owner == name]:
            del self._watched[descriptor]
            self._watch.remove(descriptor)

    def _notice(self) -> None:
        events = self._watch.drain()
        position = 0
        while position < len(events):
            descriptor, _mask, _cookie, length = _INOTIFY.unpack_from(events, position)
            position += _INOTIFY.size + length
            if descriptor == self._runs_watch:
                self._announce()
            elif descriptor in self._watched:
                self._dirty.add(self._watched[descriptor])

    def _announce(self) -> None:
        now = layout.lives(self._root)
        for name in sorted(name for name, life in now.items() if self._known.get(name) != life):
            self._send({"t": "run", "run": name})
        self._known = now

    def _sweep(self) -> None:
        """inotify says nothing of a file replaced by another, and its queue can overflow: look by hand once a tick."""
        if time.monotonic() - self._swept < _TICK_S:
            return
        self._swept = time.monotonic()
        if self._swept - self._kept > _KEEP_S:
            self._kept = self._swept
            threading.Thread(target=self._keep, daemon=True).start()
        self._announce()
        self._tell_places()
        self._dirty.update(self._follows)

    def _tell_places(self) -> None:
        if not any(
            follow.place["place"] or starts.is_waiting(self._root, name) for name, follow in self._follows.items()
        ):
            return
        places = starts.places(self._root)
        for name, follow in self._follows.items():
            place = places.get(name, {"place": 0, "why": ""})
            if place != follow.place:
                follow.place = place
                self._send({"t": "queue", "run": name, **place})

    def _keep(self) -> None:
        """Whatever ended the keeper, a reboot or the kernel: runs that have not ended need one. Nor does a transfer stay."""
        try:
            workspaces.sweep_transfers(self._root)
            if layout.open_names(self._root):
                keeper.ensure(self._root)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"keeper: {error}", file=sys.stderr, flush=True)

    def _advance(self, name: str) -> None:
        follow = self._follows[name]
        try:
            # Asked before reading: what was written until then is read below, so nothing can follow an `end`.
            end = follow.end()
            offset, data = follow.offset, follow.read()
            if data:
                head = {"t": "data", "run": name, "offset": offset, "size": len(data), "quiet_s": follow.quiet_s}
                self._send(head, data)
                return
            follow.check()
        except Gone as gone:
            self._send({"t": "fault", "run": name, "what": str(gone)})
            self._forget(name)
            return
        self._dirty.discard(name)
        if end is not None:
            self._send({"t": "end", "run": name, "size": follow.offset, **end})
            self._forget(name)


def _size(root: str, name: str) -> int:
    try:
        return os.lstat(os.path.join(layout.run(root, name), _LOG)).st_size
    except OSError:
        return 0


def main(root: str) -> int:
    """Run the relay on this process's stdin and stdout."""
    try:
        Relay(root).run()
    except (BrokenPipeError, ConnectionResetError):
        sys.stderr.close()
    return 0
