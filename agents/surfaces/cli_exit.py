"""What a verb's exit code tells a script. The numbers stand here alone."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a verb ended. 130 is what shells give a program that SIGINT ended: 128 + 2."""

    DONE = 0
    FAILED = 1
    WRONG_INPUT = 2
    STILL_RUNNING = 3
    UNSUCCESSFUL = 4
    UNCONFIRMED = 5
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed; stderr tells why and what to do",
    ExitCode.WRONG_INPUT: "wrong input or settings",
    ExitCode.STILL_RUNNING: "wait: the agent still runs",
    ExitCode.UNSUCCESSFUL: "wait: the agent ended without success",
    ExitCode.UNCONFIRMED: "a person has to confirm it first; stderr has the code",
    ExitCode.INTERRUPTED: "ended by Ctrl-C",
}


def table() -> str:
    """The codes with their meanings, a line each, for `agentflow --help`."""
    lines = (f"  {code.value:<5}{meaning}" for code, meaning in MEANINGS.items())
    return "\n".join(("exit codes:", *lines))
