"""Starts a program as the agent. Kept to modules the interpreter has loaded anyway: every import here delays the first token."""

from __future__ import annotations

import os

from vps.container import paths

_OOM_FIRST = b"500"


def read_words(path: str) -> list[str]:
    """A file of NUL-terminated words, the form of /proc/PID/cmdline (proc(5))."""
    with open(path, "rb") as file:
        return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]


def read_environ(path: str) -> dict[str, str]:
    """A file of NUL-terminated NAME=VALUE words; a missing one is empty."""
    try:
        words = read_words(path)
    except FileNotFoundError:
        return {}
    return dict(word.split("=", 1) for word in words)


def take_credentials() -> dict[str, str]:
    """What only the CLI is told. The file is removed, so that nothing else can read it later."""
    found = read_environ(paths.CREDENTIALS)
    if found:
        os.unlink(paths.CREDENTIALS)
    return found


def as_agent(argv: list[str], cwd: str) -> list[str]:
    """The argv that runs a program as the agent: its uid and gid, no group, no capability in any set and none to be gained."""
    drop = ["/usr/bin/setpriv", f"--reuid={paths.AGENT_ID}", f"--regid={paths.AGENT_ID}", "--clear-groups"]
    drop += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]
    return [*drop, "/usr/bin/env", "-C", cwd, "--", *argv]


def spawn(argv: list[str], environ: dict[str, str], *, stdin: int, stdout: int, stderr: int) -> int:
    """Start argv in a session of its own and return its pid. Descriptors not named here are closed on exec (PEP 446).

    It is given a higher score for the kernel's out-of-memory killer than the supervisor, which has to tell the tale.
    """
    actions = [(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate((stdin, stdout, stderr))]
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as score:
        score.write(_OOM_FIRST)
        try:
            return os.posix_spawn(argv[0], argv, environ, file_actions=actions, setsid=True)
        finally:
            score.write(b"0")


def open_log(path: str) -> int:
    """An append-only descriptor; the control plane has made the file, so a missing one is an error."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)


def link_project_files(cwd: str, home: str) -> None:
    """Give the agent its repository's commands, agents and skills without the repository's settings.

    `--setting-sources user` keeps a repository's settings, hooks and servers out, and these three with them; links in the
    user's own directory bring them back (measured with CLI 2.1.197). Made as the agent: what the links point to is its own.
    """
    os.setegid(paths.AGENT_ID)
    os.seteuid(paths.AGENT_ID)
    try:
        for name in ("commands", "agents", "skills"):
            source, link = f"{cwd}/.claude/{name}", f"{home}/.claude/{name}"
            if os.path.isdir(source) and not os.path.lexists(link):
                os.makedirs(os.path.dirname(link), exist_ok=True)
                os.symlink(source, link)
    finally:
        os.seteuid(0)
        os.setegid(0)
