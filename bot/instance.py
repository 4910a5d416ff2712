"""This bot as one of possibly several: an id that outlives the process, for one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import os
import secrets
import socket
from collections.abc import Generator
from pathlib import Path

from agents.config import SettingsError
from vps.errors import VpsError

_BYTES = 16


@contextlib.contextmanager
def alone(state: Path) -> Generator[str]:
    """The id of this state directory, which no other process uses meanwhile. Raises VpsError where one does."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(state / "instance", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        remedy = "Name a directory this user may write to."
        raise SettingsError(f"AGENTFLOW_STATE_DIR: {state}: {error.strerror}.", remedy=remedy) from error
    try:
        yield _claimed(file, state)
    finally:
        os.close(file)


def _claimed(file: int, state: Path) -> str:
    """The lock is on the file and goes with the process; the id in it stays."""
    holder, _, pid = os.pread(file, 4 * _BYTES, 0).decode("ascii", "replace").partition(" ")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        remedy = "Stop it first, or give this one another AGENTFLOW_STATE_DIR."
        raise VpsError(f"A bot runs on {state} already, as process {pid.strip()}.", remedy=remedy) from error
    if len(holder) != 2 * _BYTES:
        holder = secrets.token_hex(_BYTES)
    os.pwrite(file, f"{holder} {os.getpid():<10}\n".encode("ascii"), 0)
    return holder


def label() -> str:
    """Where this bot runs, for people."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid())
    return f"{user} on {socket.gethostname()}, process {os.getpid()}"
