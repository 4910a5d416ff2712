"""A workspace as the host shows it, and what its tools answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints


class Workspace(BaseModel):
    """One tree. What git says of it is an agent's word: shown, never acted upon for anything else."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    path: str
    size: int | None = None
    """Bytes on the disk; None when that takes too long to find out."""
    agents: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    kind: Literal["git", "plain", "unreadable"] = "git"
    why: str = ""
    branch: str = ""
    """Empty on a detached HEAD."""
    head: str = ""
    base: str = ""
    """The remote's branch it is compared with, such as `origin/main`."""
    ahead: int = 0
    behind: int = 0
    changed: int = 0
    conflicts: int = 0
    stashed: int = 0
    unpushed: int = 0
    """Commits of any branch, tag or left detached HEAD that the remote has in none of its branches and tags."""
    unpushed_on: tuple[str, ...] = ()
    nested: int = 0
    """Commits of repositories within it that are no remote's."""
    ignored: tuple[str, ...] = ()
    """Ignored files that no build makes again, at most 20."""
    operation: str = ""
    files: bool = False

    @classmethod
    def of(cls, item: dict[str, Any], state: dict[str, Any]) -> Self:
        """From the host's description and git's."""
        known = {key: item[key] for key in ("name", "path", "agents", "trees", "size") if item.get(key) is not None}
        return cls.model_validate(state | known)

    @property
    def unsaved(self) -> str:
        """What of it exists nowhere else, in words; empty if it may go."""
        if self.kind == "unreadable":
            return "a repository git cannot read"
        if self.kind == "plain":
            return "files that are in no git repository" if self.files else ""
        counts = (
            (self.changed, "uncommitted changes"),
            (self.stashed, "stashed changes"),
            (self.unpushed, "unpushed commits" + _some(self.unpushed_on, "on ")),
            (self.nested, "unpushed commits of repositories within it"),
            (len(self.ignored), "ignored files" + _some(self.ignored)),
        )
        return ", ".join(f"{number} {what}" for number, what in counts if number)


class Packed(BaseModel):
    """What a tree says stands at the head of its branch. A commit is named by its id alone: a name or a sign before it would mean
    something else where it is pushed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    branch: Annotated[str, StringConstraints(min_length=1)]
    sha: Annotated[str, StringConstraints(pattern=r"\A([0-9a-f]{40}|[0-9a-f]{64})\z")]
    commits: tuple[str, ...]


def _some(names: tuple[str, ...], before: str = "") -> str:
    more = ", …" if len(names) > 5 else ""
    return f" ({before}{', '.join(names[:5])}{more})" if names else ""


class Vault(BaseModel):
    """What the control plane's repository of a workspace knows of its remote."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str = ""
    default: str = ""
    branches: tuple[str, ...] = ()
    """The newest 200, for people: whether one is there, `start` tells."""
    branch: str = ""
    """The one that was asked for, else the default."""
    start: str = ""
    """The commit that branch stands at; empty where the remote has none of that name."""
    submodules: bool = False
    lfs: bool = False


class Diff(BaseModel):
    """A tree against its base."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    workspace: Workspace
    base: str
    stat: str
    patch: str
    cut: bool = False


class Pushed(BaseModel):
    """What was pushed, as the remote reports it."""

    model_config = ConfigDict(frozen=True)

    name: str
    branch: str
    sha: str
    before: str
    url: str
    committed: int
    commits: tuple[str, ...]
    agents: tuple[str, ...]
    note: str = ""
    """What went wrong after the remote had taken it."""
