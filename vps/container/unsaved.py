"""What of a tree exists nowhere else: asked before it is deleted, and before it is pushed as if that were all of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from vps.container.git_run import Failed, Git

_LEFT = re.compile(r"checkout: moving from ([0-9a-f]{40}|[0-9a-f]{64}) to .*")
"""What git's reflog says when a detached HEAD is left: its commits are on no branch."""
_MADE_AGAIN = frozenset((
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox", ".venv", "venv", "node_modules", ".next", ".nuxt",
    ".turbo", ".parcel-cache", ".gradle", "target", "dist", "build", "out", "coverage", ".coverage", ".cache", ".eggs", ".DS_Store",
))  # fmt: skip
"""Ignored files that a build, an installation or a system makes again; nobody misses them."""
_SUFFIXES = (".pyc", ".pyo", ".o", ".obj", ".class", ".egg-info", ".tsbuildinfo", ".swp")
_NAMES = 20


def commits(git: Git, head: str, pushed: Iterable[str]) -> dict[str, Any]:
    """`unpushed`: how many commits of any ref, worktree or detached HEAD are in none of `pushed`; `unpushed_on`: where."""
    names = _tips(git, head)
    if not names:
        return {"unpushed": 0, "unpushed_on": []}
    missing = [f"^{sha}" for sha in dict.fromkeys(pushed)]
    number = _count(git, [*names, *missing])
    on = [name for sha, name in list(names.items())[:_NAMES] if _count(git, [sha, *missing])] if number else []
    return {"unpushed": number, "unpushed_on": on}


def _count(git: Git, lines: list[str]) -> int:
    # A path leaves empty commits out: they are no work.
    return int(git("rev-list", "--count", "--stdin", "--", ".", data="\n".join(lines).encode()))


def _tips(git: Git, head: str) -> dict[str, str]:
    """Commits that something of the tree's leads to, each with the first name that does."""
    found: dict[str, str] = {}
    listed = git("for-each-ref", "--format=%(objectname) %(refname)", "refs/").splitlines()
    for sha, ref in (line.split(" ", 1) for line in listed):
        # What is stashed is counted by itself; what a remote had, it has.
        if not ref.startswith("refs/remotes/") and ref != "refs/stash":
            found.setdefault(sha, _short(ref))
    if head:
        found.setdefault(head, "a detached HEAD")
    for line in git("worktree", "list", "--porcelain", may_fail=True).splitlines():
        if line.startswith("HEAD ") and line[5:].strip("0"):
            found.setdefault(line[5:], "a linked worktree")
    for sha in _left(git):
        found.setdefault(sha, "a detached HEAD that was left")
    return found


def _short(ref: str) -> str:
    return f"tag {ref[10:]}" if ref.startswith("refs/tags/") else ref.removeprefix("refs/heads/")


def _left(git: Git) -> list[str]:
    said = git("reflog", "show", "--format=%gs", "-n", "1000", "HEAD", may_fail=True).splitlines()
    left = dict.fromkeys(found[1] for found in map(_LEFT.fullmatch, said) if found)
    if not left:
        return []
    known = git("cat-file", "--batch-check", data="\n".join(left).encode()).splitlines()
    return [line.split()[0] for line in known if line.split()[1] == "commit"]


def in_gitlinks(git: Git, path: str, inside: Callable[[str], Git]) -> int:
    """Commits of repositories within the tree that are no remote's: the tree's own commits hold their numbers only."""
    number = 0
    for entry in git("ls-files", "--stage", "-z").split("\0"):
        where = os.path.join(path, entry.partition("\t")[2])
        if entry.startswith("160000 ") and os.path.lexists(os.path.join(where, ".git")):
            try:
                number += int(
                    inside(where)("rev-list", "--count", "HEAD", "--branches", "--tags", "--not", "--remotes")
                )
            except Failed:
                number += 1
    return number


def embedded(git: Git, path: str) -> list[str]:
    """Repositories within the tree that git would record as a commit's number alone: `.gitmodules` does not name them."""
    named = git("config", "--file", os.path.join(path, ".gitmodules"), "--get-regexp", r"\.path$", may_fail=True)
    modules = {line.split(" ", 1)[-1] for line in named.splitlines()}
    linked = [
        line.partition("\t")[2] for line in git("ls-files", "--stage", "-z").split("\0") if line.startswith("160000 ")
    ]
    others = git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    found = [*(name[:-1] for name in others if name.endswith("/")), *linked]
    return [name for name in found if name not in modules and os.path.lexists(os.path.join(path, name, ".git"))]


def ignored(git: Git) -> list[str]:
    """Ignored files and directories that nothing makes again, at most 20."""
    listed = git("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z").split("\0")
    return [name for name in listed if name and not _is_made_again(name)][:_NAMES]


def _is_made_again(name: str) -> bool:
    last = name.rstrip("/").rsplit("/", 1)[-1]
    return last in _MADE_AGAIN or last.endswith(_SUFFIXES)


__all__ = ["commits", "embedded", "ignored", "in_gitlinks"]
