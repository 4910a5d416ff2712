"""Starts a program as the agent. Kept to modules the interpreter has loaded anyway: every import here delays the first token."""

from __future__ import annotations

import os

from vps.container import paths

INTERRUPT = b'{"type":"control_request","request_id":"agentflow-stop","request":{"subtype":"interrupt"}}\n'

_OOM_FIRST = b"500"


class AgentsUser:
    """Meanwhile this process is the agent's user, so that what it opens or makes is what the agent could."""

    def __enter__(self) -> None:
        os.setegid(paths.AGENT_ID)
        os.seteuid(paths.AGENT_ID)

    def __exit__(self, *_: object) -> None:
        os.seteuid(0)
        os.setegid(0)


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


def as_agent(argv: list[str], cwd: str) -> list[str]:
    """The argv that runs a program as the agent: its uid and gid, no capability in any set and none to be gained.

    It is in no group but the one that reads the CLI's binary, and in that only where Docker put this process into it.
    """
    groups = f"--groups={paths.CLI_GROUP}" if paths.CLI_GROUP in os.getgroups() else "--clear-groups"
    drop = ["/usr/bin/setpriv", f"--reuid={paths.AGENT_ID}", f"--regid={paths.AGENT_ID}", groups]
    drop += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]
    return [*drop, "/usr/bin/env", "-C", cwd, "--", *argv]


def spawn(argv: list[str], environ: dict[str, str], descriptors: dict[int, int]) -> int:
    """Start argv in a session of its own and return its pid. `descriptors` are the only ones it gets: its number to ours.

    It is given a higher score for the kernel's out-of-memory killer than the supervisor, which has to tell the tale.
    """
    actions = [(os.POSIX_SPAWN_DUP2, source, target) for target, source in descriptors.items()]
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as score:
        score.write(_OOM_FIRST)
        try:
            return os.posix_spawn(argv[0], argv, environ, file_actions=actions, setsid=True)
        finally:
            score.write(b"0")


def open_log(path: str) -> int:
    """An append-only descriptor; the control plane has made the file, so a missing one is an error."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)


class Cli:
    """The CLI's process and what waits for its stdin. Its stdout is the descriptor `log`."""

    def __init__(self, environ: dict[str, str], log: int) -> None:
        self.cwd, self.home = environ["PWD"], environ["HOME"]
        self.pid = 0
        self.stdin = -1
        self.unfed = b""
        self._environ, self._log = environ, log

    def start(self, words: str) -> None:
        """Start it by the file of its argv, with a stdin of its own; one before it has ended."""
        self.close_stdin()
        reader, self.stdin = os.pipe()
        errors = open_log(paths.ERRORS)
        descriptors = {0: reader, 1: self._log, 2: errors}
        self.pid = spawn(as_agent(read_words(words), self.cwd), self._environ, descriptors)
        for descriptor in (reader, errors):
            os.close(descriptor)
        os.set_blocking(self.stdin, False)

    def give(self, data: bytes) -> None:
        """Send it what it takes now, and keep the rest."""
        self.unfed += data
        while self.unfed and self.stdin >= 0:
            try:
                self.unfed = self.unfed[os.write(self.stdin, self.unfed) :]
            except BlockingIOError:
                return
            except OSError:
                self.close_stdin()

    def close_stdin(self) -> None:
        """It gets nothing more."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1
        self.unfed = b""

    def signal(self, number: int) -> None:
        """Send its process group a signal; one that is gone is no error."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def reap(self) -> int | None:
        """Its wait status once it has ended."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return status if pid else None


def open_scratch() -> None:
    """Let everybody write where temporary files go. Without a writable /tmp the CLI ends with 0 and no output (measured)."""
    for place in paths.SCRATCH:
        os.chmod(place, 0o1777)  # noqa: S103  as /tmp is anywhere


def furnish(words: str) -> None:
    """Put into HOME what a file of paths and texts, in turn, says. HOME is this container's own: no agent was there before."""
    pairs = iter(read_words(words))
    with AgentsUser():
        for path in pairs:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                left = os.fsencode(next(pairs))
                while left:
                    left = left[os.write(descriptor, left) :]
            finally:
                os.close(descriptor)


def link_project_files(cwd: str, home: str) -> None:
    """Give the agent its repository's commands, agents and skills without the repository's settings.

    `--setting-sources user` keeps a repository's settings, hooks and servers out, and these three with them; links in the
    user's own directory bring them back (measured with CLI 2.1.197). Made as the agent: what the links point to is its own.
    """
    with AgentsUser():
        for name in ("commands", "agents"):
            if os.path.isdir(source := f"{cwd}/.claude/{name}"):
                _link(source, f"{home}/.claude/{name}")
        # One by one: they stand beside ours.
        skills = f"{cwd}/.claude/skills"
        for name in os.listdir(skills) if os.path.isdir(skills) else ():
            _link(f"{skills}/{name}", f"{home}/.claude/skills/{name}")


def _link(source: str, link: str) -> None:
    if not os.path.lexists(link):
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(source, link)
