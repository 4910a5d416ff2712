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


_REFUSED = re.compile(r"\[remote rejected\]|GH0\d\d|hook declined", re.IGNORECASE)
"""The remote took the connection and the credential, looked at the commits, and does not want them."""
_OF_COMMITS = (
    _rule(
        "too_large",
        r"exceeds GitHub's file size limit|GH001|pack exceeds maximum|larger than .* limit",
        "The remote takes no file of that size.",
        "Remove it from the commits, or use Git LFS.",
    ),
    _rule(
        "secret",
        r"push protection|Push cannot contain secrets",
        "The remote found a secret in the commits.",
        "Remove it from the commits and revoke it; if it is none, allow it where the remote says.",
    ),
    _rule(
        "workflow",
        r"without `?workflow`? scope|`workflows?` permission",
        "The credential may not change workflows of GitHub Actions.",
        "Give GITHUB_TOKEN the right to write workflows, or leave `.github/workflows` as it is.",
    ),
    _rule(
        "name_taken",
        r"exists; cannot create|directory file conflict|refname conflict",
        "A branch of the remote is in the way of that name.",
        "Make a branch of another name with `create_branch`, and push that.",
    ),
    _rule(
        "protected",
        r"protected branch|GH006|changes must be made through a pull request|not allowed to push code to protected",
        "The remote protects that branch.",
        "Make a branch with `create_branch`, push that, and open a pull request.",
    ),
    _rule("no_space", r"No space left on device", "The remote's disk is full.", "Ask whoever runs it."),
    _rule(
        "declined",
        r"",
        "The remote's own rules refused the push.",
        "Change what they name and push again, or push another branch.",
    ),
)
_RULES = (
    _rule(
        "locked",
        r"Unable to create '(?P<what>[^']*\.lock)': File exists|Another git process seems to be running",
        "Another git process is at work there, or one that broke off left its lock.",
        "Wait for it; if no agent works there, remove the lock file.",
    ),
    _rule("no_space", r"No space left on device", "The host's disk is full.", "Free some with `agentflow prune`."),
    _rule(
        "behind",
        r"non-fast-forward|fetch first|\[rejected\]|stale info",
        "The remote has commits that this workspace lacks.",
        "Run `sync_workspace`; where that cannot go forward, let an agent merge them; then push again.",
    ),
    _rule(
        "archived",
        r"archived so it is read-?only|is archived|archived project",
        "The repository is archived: nobody can push to it.",
        "Unarchive it on its server, or push to another one.",
    ),
    _rule(
        "workflow",
        r"without `?workflow`? scope",
        "The credential may not change workflows of GitHub Actions.",
        "Give GITHUB_TOKEN the right to write workflows, or leave `.github/workflows` as it is.",
    ),
    _rule(
        "read_only_key",
        r"marked as read.?only|read-only key|denied to deploy key|deploy key does not have write access",
        "The deploy key may only read.",
        "Allow it to write where the repository's keys are kept, or clone by https with GITHUB_TOKEN.",
    ),
    _rule(
        "forbidden",
        r"Write access to repository not granted|Permission to .* denied",
        "The credential may not do that.",
        "Give GITHUB_TOKEN the right to write the repository's contents.",
    ),
    _rule(
        "forbidden",
        r"error: 403",
        "The remote refused (403).",
        "See what it says; where it says nothing, GITHUB_TOKEN may lack the right.",
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
        "Clone it anew from its new address.",
    ),
    _rule(
        "tls",
        r"certificate|SSL|gnutls",
        "No trusted connection to the remote: its certificate or its TLS is not accepted.",
        "Check the address; an authority of your own has to be installed on the host.",
    ),
    _rule(
        "unreachable",
        r"Could not resolve host|Failed to connect|Connection (refused|timed out|reset)|Could not connect|"
        r"Operation too slow|early EOF|unexpected disconnect|hung up",
        "The remote cannot be reached from the host.",
        "Check the host's network and the address, and try again.",
    ),
)
_REMOTE = re.compile(r"^(?:remote: *|ERROR: )(?:error: *)?(.*)$", re.MULTILINE)
_LONGEST = 500
_PAINT = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def explain(words: str, stderr: str) -> GitFailed:
    """The failure of `git <words>` by what it said, with the remote's own last words."""
    for rule in _OF_COMMITS if _REFUSED.search(stderr) else _RULES:
        if found := rule.words.search(stderr):
            what = found.groupdict().get("what")
            named = f" ({_printable(what)})" if what else ""
            return GitFailed(rule.kind, rule.message.removesuffix(".") + f"{named}.{_said(stderr)}", remedy=rule.remedy)
    return GitFailed("other", f"git {words} failed: {_last(stderr)}")


def _said(stderr: str) -> str:
    """What the remote says of it. People read that: no control characters, no more than they need."""
    told = [line for line in map(_printable, _REMOTE.findall(stderr)) if line.strip("=- ")]
    text = " / ".join(told[-4:])
    # Whole words only: the mask does not know a half of a secret.
    short = text if len(text) <= _LONGEST else text[-_LONGEST:].partition(" ")[2]
    return f" It says: {short}" + ("" if short.endswith((".", "!", "?")) else ".") if short else ""


def _printable(text: str) -> str:
    plain = _PAINT.sub("", text)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())


def _last(stderr: str) -> str:
    lines = [line for line in map(_printable, stderr.splitlines()) if line]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    return " ".join(" ".join(told[-3:]).split()[:60]) or "it gave no reason."
