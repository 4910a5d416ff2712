"""Names people give: of workspaces and branches. Their rules, and the parameters that keep to them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_BRANCH = re.compile(r"(?!-)[A-Za-z0-9._/+@=-]{1,200}")
_RESERVED = frozenset({"workspace"})
"""The scratch workspace's own name."""


def new_name(value: str) -> str:
    """A name for a new workspace. Raises ValueError: it becomes a directory's, and `--` sets further trees apart."""
    if not _NAME.fullmatch(value) or "--" in value or value.endswith("-"):
        raise ValueError("takes letters, digits, - and _, at most 63, no double -; it becomes a directory's name")
    if value.lower() in _RESERVED:
        raise ValueError("is the scratch workspace's own name")
    return value


def known_name(value: str) -> str:
    """A name a workspace may have, `<name>--<slug>` of a further tree included. Raises ValueError."""
    base, dashes, slug = value.partition("--")
    if not _NAME.fullmatch(base) or (dashes and not _SLUG.fullmatch(slug)):
        raise ValueError("is no workspace's name")
    return value


def branch_name(value: str) -> str:
    """A branch's name by git's own rules (git-check-ref-format(1)), ASCII only. Raises ValueError."""
    odd = ("..", "//", "@{", "/.", ".lock/", "./")
    if (
        not _BRANCH.fullmatch(value)
        or any(part in f"{value}/" for part in odd)
        or value[0] in "./-"
        or value[-1] in "./"
    ):
        raise ValueError("is no branch's name git takes")
    if value in ("HEAD", "@"):
        raise ValueError("means something else to git")
    return value


def is_branch_name(value: str) -> bool:
    """Whether `branch_name` takes it."""
    try:
        branch_name(value)
    except ValueError:
        return False
    return True


NewName = Annotated[str, Field(min_length=1, max_length=160), AfterValidator(new_name)]
WorkspaceName = Annotated[
    str,
    Field(min_length=1, max_length=160, description="workspace, or <name>--<slug> of a tree of it"),
    AfterValidator(known_name),
]
BranchName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(branch_name)]
