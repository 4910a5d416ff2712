"""What git's words mean: the kinds of failure a person has to tell apart, each with the next step. Measured with git 2.39."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vps.errors import VpsError


class GitFailed(VpsError):
    """git could not do it. `kind` is a short name of why."""

    def __init__(self, kind: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    words: re.Pattern[str]
    message: str
    remedy: str


def _rule(kind: str, words: str, message: str, remedy: str) -> _Rule:
    return _Rule(kind, re.compile(words, re.IGNORECASE), message, remedy)


_RULES = (
    _rule(
        "protected",
        r"protected branch|GH006|GH013|pre-receive hook declined",
        "The remote protects that branch.",
        "Make a branch with `create_branch`, push that, and open a pull request.",
    ),
    _rule(
        "behind",
        r"non-fast-forward|fetch first|\[rejected\]|stale info",
        "The remote has commits that this workspace lacks.",
        "Run `sync_workspace`, or let an agent merge them, then push again.",
    ),
    _rule(
        "forbidden",
        r"error: 403|Write access to repository not granted|Permission to .* denied|marked as read.?only|read-only key",
        "The credential may not do that.",
        "Give GITHUB_TOKEN the right to write the repository's contents.",
    ),
    _rule(
        "unauthorized",
        r"Authentication failed|error: 401|Invalid username or (token|password)|could not read (Username|Password)|"
        r"prompts disabled",
        "The remote did not accept the credential, or wants one.",
        "Check that GITHUB_TOKEN is set, belongs to this host and has not expired.",
    ),
    _rule(
        "no_key",
        r"Permission denied \(|Load key",
        "The remote did not accept the deploy key, or wants one.",
        "Set AGENTFLOW_DEPLOY_KEY to a private key whose public half the repository knows.",
    ),
    _rule(
        "host_key",
        r"Host key verification failed|REMOTE HOST IDENTIFICATION",
        "The remote's SSH host key is unknown or has changed.",
        "Check it, then put it in the file AGENTFLOW_GIT_KNOWN_HOSTS names.",
    ),
    _rule(
        "gone",
        r"repository .*not found|error: 404|does not appear to be a git repository",
        "There is no such repository, or the credential may not see it.",
        "Check the address, and whether it was renamed.",
    ),
    _rule(
        "redirected",
        r"unable to update url base from redirection|error: 30\d",
        "The repository has moved.",
        "Use its new address.",
    ),
    _rule(
        "unreachable",
        r"Could not resolve host|Failed to connect|Connection (refused|timed out|reset)|Could not connect|"
        r"Operation too slow|early EOF|unexpected disconnect|hung up",
        "The remote cannot be reached from the host.",
        "Check the host's network and the address, and try again.",
    ),
    _rule("no_space", r"No space left on device", "The host's disk is full.", "Free some with `agentflow prune`."),
    _rule("tls", r"certificate|SSL", "The remote's certificate is not trusted.", "Install its authority on the host."),
    _rule(
        "too_large",
        r"exceeds GitHub's file size limit|GH001|pack exceeds maximum",
        "The remote takes no file of that size.",
        "Remove it from the commits, or use Git LFS.",
    ),
)


def explain(words: str, stderr: str) -> GitFailed:
    """The failure of `git <words>` by what it said."""
    for rule in _RULES:
        if rule.words.search(stderr):
            return GitFailed(rule.kind, rule.message, remedy=rule.remedy)
    return GitFailed("other", f"git {words} failed: {_last(stderr)}")


def _last(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    return " ".join(told[-3:])[:400] or "it gave no reason."
