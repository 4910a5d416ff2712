"""Tells systemd how the service is (sd_notify(3)); nothing where nobody asked for it."""

from __future__ import annotations

import asyncio
import os
import socket


def notify(*lines: str) -> None:
    """Such as READY=1. A manager that does not listen is no trouble of ours."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    # An abstract socket's name begins with a null byte, written as @.
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto("\n".join(lines).encode(), address)
        except OSError:
            return


async def watchdog() -> None:
    """Say that the event loop turns, twice within the time the manager waits for it (sd_watchdog_enabled(3))."""
    interval_us, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not interval_us.isdecimal() or pid not in ("", str(os.getpid())):
        return
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(int(interval_us) / 2e6)
