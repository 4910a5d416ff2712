"""What can go wrong on the machine, as one tree. Every error carries a remedy a person can act on.

VpsError
├── BadInput (ValueError)            a field was refused before anything started
├── NoSuchRun (LookupError)          no container of that id, or more than one
├── RunEnded                         nobody reads its inbox any more
├── WorkspaceBusy                    an agent works there already
├── LeaseTaken                       another bot serves the root directory
├── HostError
│   ├── HostKeyError                 unknown or changed host key
│   ├── LoginRefused                 the key was not accepted
│   ├── HostUnreachable              no connection
│   └── HostTimeout (TimeoutError)   a bounded wait ran out
├── CommandFailed                    a command on the host ended with another code than 0
├── TooMuchOutput                    a command on the host printed more than is kept
├── DockerUnavailable                no engine, or no right to use it
├── ImageBuildFailed                 the agent image could not be built
└── DiskFull                         no room left on the host
"""

from __future__ import annotations


class VpsError(Exception):
    """Base of all: `str()` is what happened, `remedy` what to do about it. Both are safe to show."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def also(self, sentence: str) -> None:
        """Say one more sentence, before the remedy."""
        self.args = (f"{self.args[0]} {sentence}", *self.args[1:])

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message} {self.remedy}".strip() if self.remedy else message


class BadInput(VpsError, ValueError):
    """A field's value was refused; `field` names it."""

    def __init__(self, field: str, message: str, *, remedy: str = "") -> None:
        super().__init__(f"{field}: {message}", remedy=remedy)
        self.field = field
        self.problem = message


class NoSuchRun(VpsError, LookupError):
    """No run, or more than one, answers to the given id; `candidates` are those that do."""

    def __init__(self, given: str, candidates: tuple[str, ...] = ()) -> None:
        if candidates:
            message = f"container_id: {given!r} is ambiguous: {', '.join(candidates[:5])}."
            remedy = "Give more characters."
        else:
            message = f"container_id: no agent is called {given!r}."
            remedy = "List them with /list or `agentflow list`."
        super().__init__(message, remedy=remedy)
        self.candidates = candidates


class RunEnded(VpsError):
    """The run has ended, or is about to, and cannot be woken: nothing can be said to it."""

    def __init__(self, message: str = "This agent has ended.", *, remedy: str = "`/spawn` starts another.") -> None:
        super().__init__(message, remedy=remedy)


class WorkspaceBusy(VpsError):
    """An agent works in the workspace that `path` lies in already; `inside` is the way from the workspace to there."""

    def __init__(self, path: str, agents: tuple[str, ...], *, inside: str = "") -> None:
        super().__init__(f"An agent works in {path} already: {', '.join(agents)}.", remedy="Wait for it, or stop it.")
        self.path = path
        self.agents = agents
        self.inside = inside


class LeaseTaken(VpsError):
    """Another bot serves the root directory."""


class HostError(VpsError):
    """The host itself: its key, its login, its reachability."""


class HostKeyError(HostError):
    """The host's key is unknown or not the pinned one."""


class LoginRefused(HostError):
    """The host accepted none of the offered keys."""


class HostUnreachable(HostError):
    """There is no connection to the host."""


class HostTimeout(HostError, TimeoutError):
    """The host did not answer within the bound."""


class CommandFailed(VpsError):
    """A command on the host ended with a code other than 0; its stderr is in `stderr`."""

    def __init__(self, summary: str, exit_code: int | None, stderr: str, *, remedy: str = "") -> None:
        tail = stderr.strip()[-800:]
        super().__init__(f"{summary} failed with exit code {exit_code}: {tail}", remedy=remedy)
        self.exit_code = exit_code
        self.stderr = stderr


class TooMuchOutput(VpsError):
    """A command on the host printed more than is kept, and was ended."""


class DockerUnavailable(VpsError):
    """No Docker engine answers on the host."""


class ImageBuildFailed(VpsError):
    """The agent image could not be built."""


class DiskFull(VpsError):
    """The host has no room left."""
