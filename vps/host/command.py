"""One command on the host, bounded in time and in what it prints: its output may be an agent's, and is kept in memory thrice."""

from __future__ import annotations

import base64
import contextlib
import os
import selectors
import signal
import subprocess
import time
from typing import Any

LIMIT = 16 << 20
_PIECE = 1 << 16


def run(_root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run `argv` without a shell, `stdin` in base64, for at most `timeout_s`. One that overruns is killed and `late`, one that
    prints more than `LIMIT` bytes killed and `flooding`.

    A program that is not there ends with 127 and one that may not be run with 126, as in a shell.
    """
    try:
        pipe = subprocess.PIPE
        process = subprocess.Popen(request["argv"], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except (FileNotFoundError, PermissionError) as error:
        missing = isinstance(error, FileNotFoundError)
        text = f"{request['argv'][0]}: {'command not found' if missing else error.strerror}\n"
        return _done(127 if missing else 126, b"", text.encode())
    with process:
        talk = _Talk(process, base64.b64decode(request["stdin"]))
        killed = talk.until(time.monotonic() + request["timeout_s"])
        if killed:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return {killed: True}
    return _done(process.returncode, bytes(talk.output), bytes(talk.errors))


def _done(code: int, output: bytes, errors: bytes) -> dict[str, Any]:
    encoded = [base64.b64encode(data).decode("ascii") for data in (output, errors)]
    return {"exit_code": code, "stdout": encoded[0], "stderr": encoded[1]}


class _Talk:
    """What goes in and comes out of a process, all of it at once: neither side may wait for the other."""

    def __init__(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.output, self.errors = bytearray(), bytearray()
        self._process, self._input = process, process.stdin
        self._data = memoryview(data)
        self._kept = {process.stdout: self.output, process.stderr: self.errors}
        self._streams = selectors.DefaultSelector()
        os.set_blocking(process.stdin.fileno(), False)
        self._streams.register(process.stdin, selectors.EVENT_WRITE)
        for stream in self._kept:
            self._streams.register(stream, selectors.EVENT_READ)

    def until(self, deadline: float) -> str:
        """Until it has ended: an empty text, or why it has to be killed."""
        with self._streams:
            while self._streams.get_map():
                ready = self._streams.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    return "late"
                for key, _ in ready:
                    self._feed() if key.fileobj is self._input else self._read(key.fileobj)
                if len(self.output) + len(self.errors) > LIMIT:
                    return "flooding"
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return "late"
        return ""

    def _feed(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._data = self._data[os.write(self._input.fileno(), self._data[:_PIECE]) :]
            if self._data:
                return
        self._streams.unregister(self._input)
        self._input.close()

    def _read(self, stream: Any) -> None:
        data = os.read(stream.fileno(), _PIECE)
        self._kept[stream] += data
        if not data:
            self._streams.unregister(stream)
