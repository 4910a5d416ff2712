"""The gateway's container: starts Envoy, serves its gate, and follows the files. Ends when Envoy does; Docker starts it again."""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from vps.host.watch import IN_CLOSE_WRITE, IN_CREATE, IN_MODIFY, IN_MOVED_TO, Watch
from vps.proxy import envoy, gate, paths
from vps.proxy.server import Server

_IN_DELETE = 0x200
_TICK_S = 0.5
_TIDY_S = 60.0
_LOG_BYTES = 16 << 20


class _Stopped(Exception):
    pass


def main() -> int:
    """Run until Envoy ends or SIGTERM comes; the exit code."""
    signal.signal(signal.SIGTERM, _stop)
    os.umask(0o077)
    _furnish()
    keeper = gate.Gate()
    resolver = keeper.looks_up()
    keeper.begin()
    for serve in (Server(keeper).serve_forever, resolver.serve):
        threading.Thread(target=serve, daemon=True).start()
    proxy = subprocess.Popen(_argv(), stdin=subprocess.DEVNULL)
    try:
        _follow(keeper, proxy)
    except _Stopped:
        pass
    finally:
        proxy.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            proxy.wait(5)
    return proxy.returncode or 0


def _stop(*_: object) -> None:
    raise _Stopped


def _furnish() -> None:
    for directory in (paths.SPECS, paths.ALLOWED, paths.RUNS, paths.LOG, f"{paths.ENVOY}/routes"):
        os.makedirs(directory, exist_ok=True)
    shutil.copyfile(os.path.join(os.path.dirname(__file__), "meter.lua"), f"{paths.ENVOY}/meter.lua")
    with open(f"{paths.ENVOY}/bootstrap.json", "wb") as file:
        file.write(envoy.bootstrap())


def _argv() -> list[str]:
    words = [paths.ENVOY_BINARY, "--config-path", f"{paths.ENVOY}/bootstrap.json", "--concurrency", "2"]
    words += ["--disable-hot-restart", "--drain-time-s", "10", "--log-level", "warning"]
    # What was spent has to be known before the next request is decided on.
    return [*words, "--file-flush-interval-msec", "20"]


def _follow(keeper: gate.Gate, proxy: subprocess.Popen[bytes]) -> None:
    files, logs = Watch(), Watch()
    for directory in (paths.HOME, paths.SPECS, paths.ALLOWED):
        files.add(directory, IN_MOVED_TO | IN_CLOSE_WRITE | _IN_DELETE)
    logs.add(paths.LOG, IN_MODIFY | IN_CREATE)
    # What was written since the first look is told by nobody.
    tidied, is_news = 0.0, True
    while proxy.poll() is None:
        ready, _, _ = select.select([files, logs], [], [], _TICK_S)
        logs.drain()
        is_news = (files in ready and _names_ours(files.drain())) or is_news
        try:
            if is_news:
                keeper.load()
            is_news = False
            keeper.tick()
            if time.monotonic() - tidied > _TIDY_S:
                tidied = time.monotonic()
                _tidy(keeper)
        except (OSError, sqlite3.Error) as error:
            # A full disk passes; without this process nobody would reach anything meanwhile.
            print(f"gateway: {error}", file=sys.stderr, flush=True)


def _tidy(keeper: gate.Gate) -> None:
    keeper.tidy()
    turned = [gate.rotate(log, _LOG_BYTES) for log in (paths.MODEL_LOG, paths.EGRESS_LOG)]
    if any(turned):
        _reopen_logs()


_OWN = (b"status.json", b"books.sqlite3", b".tmp")


def _names_ours(events: bytes) -> bool:
    """Whether something changed that others write (struct inotify_event: 16 bytes, then a padded name; inotify(7))."""
    position = 0
    while position + 16 <= len(events):
        length = int.from_bytes(events[position + 12 : position + 16], "little")
        name = events[position + 16 : position + 16 + length].rstrip(b"\0")
        if not any(own in name for own in _OWN):
            return True
        position += 16 + length
    return False


def _reopen_logs() -> None:
    """Have Envoy write into new files (its admin interface, POST /reopen_logs)."""
    connection = http.client.HTTPConnection("envoy", timeout=5)
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        connection.sock.connect(paths.ADMIN)
        connection.request("POST", "/reopen_logs")
        connection.getresponse().read()
    connection.close()
