"""The `docker run` of a start: by which of its commands, how it ended, and whether that was the engine's doing."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

_ENGINE_FAILED = 125
"""The exit code of `docker run` where the engine failed and nothing ran (docker-run(1))."""
_BOUND_S = 120.0


class Launch(NamedTuple):
    """How `docker run` ended: no exit code where it did not in time. `declined` is why a command before the last one failed."""

    exit_code: int | None
    stderr: str = ""
    declined: str = ""


def run(commands: list[list[str]], name: str, lock: int) -> Launch:
    """Make the container `name` by the first of the commands that the engine takes; each inherits the descriptor `lock`."""
    declined, done = "", Launch(_ENGINE_FAILED, "nothing says how to start it")
    for argv in commands:
        done = _docker(argv, lock)
        if done.exit_code != _ENGINE_FAILED or is_taken(done):
            break
        _docker(["docker", "rm", "--force", "--volumes", name], lock)
        declined = done.stderr if argv is not commands[-1] else declined
    return done._replace(declined=declined)


def is_taken(done: Launch) -> bool:
    """Whether there is a container of that name."""
    return "is already in use by container" in done.stderr


def engine_answers() -> bool:
    """Whether there is an engine to ask."""
    null = subprocess.DEVNULL
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        return subprocess.run(argv, stdin=null, stdout=null, stderr=null, timeout=_BOUND_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _docker(argv: list[str], lock: int) -> Launch:
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    try:
        done = subprocess.run(
            argv,
            stdin=null,
            stdout=null,
            stderr=pipe,
            timeout=_BOUND_S,
            check=False,
            pass_fds=(lock,),
            start_new_session=True,
        )
    except FileNotFoundError:
        return Launch(127, f"{argv[0]}: command not found\n")
    except subprocess.TimeoutExpired:
        return Launch(None, f"`{argv[0]} {argv[1]}` did not end within {_BOUND_S:.0f} s\n")
    return Launch(done.returncode, done.stderr.decode("utf-8", "replace"))
