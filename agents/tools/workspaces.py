"""The tools around workspaces: clone, create, list, branch, diff, sync, push, pull request, delete."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, Input, Output, Tool
from vps.errors import BadInput, VpsError
from vps.models import Origin
from vps.remotes import parse_remote
from vps.workspace import Vault, Workspace

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
RESERVED = frozenset({"workspace"})
"""The scratch workspace's own name."""
MAX_MESSAGE = 20_000
_BRANCH = re.compile(r"(?!-)[A-Za-z0-9._/+@=-]{1,200}")
_NETWORK_S = 3700.0


def new_name(value: str) -> str:
    """A name for a new workspace. Raises ValueError: it becomes a directory's, and `--` sets further trees apart."""
    if not NAME.fullmatch(value) or "--" in value or value.endswith("-"):
        raise ValueError("takes letters, digits, - and _, at most 63, no double -; it becomes a directory's name")
    if value.lower() in RESERVED:
        raise ValueError("is the scratch workspace's own name")
    return value


def known_name(value: str) -> str:
    """A name a workspace may have, `<name>--<slug>` of a further tree included."""
    base, dashes, slug = value.partition("--")
    if not NAME.fullmatch(base) or (dashes and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", slug)):
        raise ValueError("is no workspace's name")
    return value


def is_branch_name(value: str) -> bool:
    """Whether `branch_name` takes it."""
    try:
        branch_name(value)
    except ValueError:
        return False
    return True


def branch_name(value: str) -> str:
    """A branch's name by git's own rules (git-check-ref-format(1)), ASCII only."""
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


WorkspaceName = Annotated[
    str, Field(min_length=1, max_length=160, description="workspace, or <name>--<slug> of a tree of it")
]


class WorkspaceInput(Input):
    """Tools on one workspace take its name."""

    workspace_name: WorkspaceName

    @field_validator("workspace_name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        return known_name(value)


class WorkspaceOutput(Output):
    """One workspace."""

    workspace: Workspace
    note: str = ""

    def summary(self) -> str:
        """See `Output.summary`."""
        return "\n".join(filter(None, (line(self.workspace), self.note)))


def line(workspace: Workspace) -> str:
    """One workspace in a line."""
    parts = [workspace.name, workspace.branch or ("detached HEAD" if workspace.kind == "git" else workspace.kind)]
    if workspace.kind == "unreadable":
        parts.append(workspace.why)
    if workspace.base:
        parts.append(f"↑{workspace.ahead} ↓{workspace.behind} {workspace.base}")
    counts = ((workspace.changed, "changed"), (workspace.conflicts, "in conflict"), (workspace.stashed, "stashed"))
    parts += [f"{number} {what}" for number, what in counts if number]
    if workspace.operation:
        parts.append(f"in {workspace.operation}")
    if workspace.size is not None:
        parts.append(f"{workspace.size / (1 << 20):.1f} MiB")
    if workspace.agents:
        parts.append(f"{len(workspace.agents)} at work: {', '.join(workspace.agents)}")
    return " · ".join(parts)


class CloneInput(Input):
    """What `clone_repo` takes."""

    repo_url: Annotated[str, Field(min_length=1, max_length=500, description="https or ssh address of the repository")]
    workspace_name: Annotated[
        str | None, Field(default=None, max_length=160, description="its name; else the repository's")
    ]
    branch: Annotated[
        str | None, Field(default=None, max_length=200, description="branch to check out; else the default")
    ]

    @field_validator("repo_url")
    @classmethod
    def _is_a_remote(cls, value: str) -> str:
        parse_remote(value)
        return value

    @field_validator("workspace_name")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        return None if value is None else new_name(value)

    @field_validator("branch")
    @classmethod
    def _is_a_branch(cls, value: str | None) -> str | None:
        return None if value is None else branch_name(value)


async def _clone(crew: Crew, given: CloneInput, call: Call) -> WorkspaceOutput:
    remote = parse_remote(given.repo_url)
    name = given.workspace_name or _derived(remote.name)
    await crew.image.ensure(call.progress)
    vault = await crew.workspaces.clone(remote, name, given.branch, call.progress)
    return WorkspaceOutput(workspace=await crew.workspaces.find(name), note=_notes(vault))


def _derived(name: str) -> str:
    try:
        return new_name(re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-"))
    except ValueError:
        raise BadInput("workspace_name", f"none can be made of {name!r}.", remedy="Give one.") from None


def _notes(vault: Vault) -> str:
    notes = ["It is empty."] if not vault.branches else []
    if vault.submodules:
        notes.append("It has submodules, which were not fetched.")
    if vault.lfs:
        notes.append("It uses Git LFS, whose files were not fetched: pointers stand in their place.")
    return " ".join(notes)


class CreateInput(Input):
    """What `create_workspace` takes."""

    workspace_name: Annotated[str, Field(min_length=1, max_length=160, description="the new workspace's name")]
    create_github_repo: Annotated[
        bool, Field(default=False, description="also create a repository on GitHub; for a workspace without one too")
    ]
    repo_visibility: Annotated[Literal["private", "public"], Field(default="private", description="who sees it there")]

    @field_validator("workspace_name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        return new_name(value)


async def _create(crew: Crew, given: CreateInput, call: Call) -> WorkspaceOutput:
    name, note = given.workspace_name, ""
    await crew.image.ensure(call.progress)
    if given.create_github_repo:
        crew.github.require_token()
        note = f"Its repository is {await _with_repository(crew, given)}; the first push fills it."
    else:
        await crew.workspaces.create(name)
    return WorkspaceOutput(workspace=await crew.workspaces.find(name), note=note)


async def _with_repository(crew: Crew, given: CreateInput) -> str:
    """The repository's address. A workspace that is there without one gets it: it may be what a broken-off call left."""
    name = given.workspace_name
    made = name not in await crew.workspaces.names() or (await crew.workspaces.vault(name)).url != ""
    if made:
        await crew.workspaces.create(name)
    url = ""
    try:
        url = await crew.github.create_repository(name, private=given.repo_visibility == "private")
        await crew.workspaces.set_remote(name, parse_remote(url))
    except BaseException as error:
        if made:
            await asyncio.shield(crew.workspaces.delete(name, force=True))
        if url and isinstance(error, VpsError):
            error.also(f"{url} is there now: the same call again takes it.")
        raise
    return url


class ListWorkspacesOutput(Output):
    """All workspaces."""

    workspaces: list[Workspace]

    def summary(self) -> str:
        """See `Output.summary`."""
        return "\n".join(line(workspace) for workspace in self.workspaces) or "No workspaces."


async def _list(crew: Crew, _given: Input, _call: Call) -> ListWorkspacesOutput:
    return ListWorkspacesOutput(workspaces=list(await crew.workspaces.list()))


class BranchInput(WorkspaceInput):
    """What `create_branch` takes."""

    branch_name: Annotated[str, Field(min_length=1, max_length=200, description="the new branch")]

    @field_validator("branch_name")
    @classmethod
    def _is_a_branch(cls, value: str) -> str:
        return branch_name(value)


async def _branch(crew: Crew, given: BranchInput, _call: Call) -> WorkspaceOutput:
    return WorkspaceOutput(workspace=await crew.workspaces.branch(given.workspace_name, given.branch_name))


class DiffOutput(Output):
    """A workspace against its base."""

    workspace: Workspace
    base: str
    stat: str
    patch: str
    cut: bool = False

    def summary(self) -> str:
        """See `Output.summary`."""
        against = self.base or "an empty tree"
        if not self.stat:
            return f"{self.workspace.name}: no change against {against}."
        note = "\nThe patch is cut at 4 MiB." if self.cut else ""
        return f"{line(self.workspace)}\nAgainst {against}:\n{self.stat}{note}"


async def _diff(crew: Crew, given: WorkspaceInput, _call: Call) -> DiffOutput:
    diff = await crew.workspaces.diff(given.workspace_name)
    return DiffOutput(
        workspace=diff.workspace,
        base=diff.base,
        stat=crew.mask.text(diff.stat),
        patch=crew.mask.text(diff.patch),
        cut=diff.cut,
    )


async def _sync(crew: Crew, given: WorkspaceInput, call: Call) -> WorkspaceOutput:
    workspace, why = await crew.workspaces.sync(given.workspace_name, call.progress)
    return WorkspaceOutput(workspace=workspace, note=f"Nothing moved: {why}." if why else "Brought up to date.")


class PushInput(WorkspaceInput):
    """What `push_workspace` takes."""

    commit_message: Annotated[
        str, Field(default="Work of an agent", max_length=MAX_MESSAGE, description="for what is uncommitted")
    ]

    branch: Annotated[
        str | None, Field(default=None, max_length=200, description="push only while it is on this branch")
    ]

    @field_validator("commit_message")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip() or "\0" in value:
            raise ValueError("is empty, or holds a NUL character")
        return value

    @field_validator("branch")
    @classmethod
    def _is_a_branch(cls, value: str | None) -> str | None:
        return None if value is None else branch_name(value)


class PushOutput(Output):
    """What the remote has now."""

    workspace_name: str
    branch: str
    sha: str
    url: str
    committed: int
    commits: list[str]
    agents: list[str]
    note: str = ""

    def summary(self) -> str:
        """See `Output.summary`."""
        committed = f"Committed {self.committed} changed files. " if self.committed else ""
        warning = f"\nStill at work there: {', '.join(self.agents)}." if self.agents else ""
        said = [f"{committed}{self.url} has {self.branch} at {self.sha}.", *self.commits]
        note = f"\nIt is pushed, but afterwards: {self.note}" if self.note else ""
        return "\n".join(said) + warning + note


async def _push(crew: Crew, given: PushInput, call: Call) -> PushOutput:
    done = await crew.workspaces.push(
        given.workspace_name, given.commit_message, author(call.origin), call.progress, branch=given.branch
    )
    commits = [crew.mask.text(commit) for commit in done.commits]
    return PushOutput(
        workspace_name=done.name, branch=done.branch, sha=done.sha, url=done.url, committed=done.committed,
        commits=commits, agents=list(done.agents), note=done.note,
    )  # fmt: skip


_CRUD = " .,:;<>\"\\'"
"""What git strips from a name's ends; one of nothing else it refuses (ident.c)."""


def author(origin: Origin) -> tuple[str, str]:
    """The asking person's name and an address that belongs to nobody else (RFC 2606 keeps `.invalid` free)."""
    names = (re.sub(r"[\x00-\x1f<>\x7f]", "", name)[:100] for name in (origin.caller_name, origin.caller))
    name = next((name for name in names if name.strip(_CRUD)), "AgentFlow")
    address = re.sub(r"[^A-Za-z0-9.-]+", "-", origin.caller).strip("-.") or "agentflow"
    return name.strip(), f"{address}@agentflow.invalid"


class PullRequestInput(WorkspaceInput):
    """What `open_pull_request` takes."""

    title: Annotated[str, Field(min_length=1, max_length=250, description="the pull request's title")]
    body: Annotated[str | None, Field(default=None, max_length=60_000, description="its text")]

    @field_validator("title")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty")
        return value


class PullRequestOutput(Output):
    """A pull request."""

    url: str
    number: int
    created: bool

    def summary(self) -> str:
        """See `Output.summary`."""
        return f"{'Opened' if self.created else 'Open already:'} {self.url}"


async def _pull_request(crew: Crew, given: PullRequestInput, _call: Call) -> PullRequestOutput:
    crew.github.require_token()
    workspace = await crew.workspaces.find(given.workspace_name)
    branch = workspace.branch
    vault = await crew.workspaces.vault(given.workspace_name, branch)
    if not vault.url:
        remedy = "Give it one: `workspace create` with its name and `create_github_repo`."
        raise BadInput("workspace_name", "has no remote repository.", remedy=remedy)
    if branch == vault.default:
        raise BadInput("workspace_name", f"is on {branch} itself.", remedy="Make a branch with `create_branch` first.")
    if not branch or not vault.start or workspace.base != f"origin/{branch}":
        raise BadInput(
            "workspace_name", f"its branch {branch or '(none)'} is not on the remote.", remedy="Push it first."
        )
    counts = ((workspace.changed, "uncommitted changes"), (workspace.ahead, f"commits {workspace.base} lacks"))
    if missing := ", ".join(f"{number} {what}" for number, what in counts if number):
        raise BadInput("workspace_name", f"has {missing}.", remedy="Push it first.")
    title, body = given.title, given.body or ""
    found = await crew.github.open_pull_request(parse_remote(vault.url), branch, vault.default, title, body)
    return PullRequestOutput(url=found.url, number=found.number, created=found.created)


class DeleteInput(WorkspaceInput):
    """What `delete_workspace` takes."""

    force: Annotated[bool, Field(default=False, description="also when work in it exists nowhere else")]


class DeleteOutput(Output):
    """A workspace that is gone."""

    workspace_name: str

    def summary(self) -> str:
        """See `Output.summary`."""
        return f"{self.workspace_name} is deleted."


async def _delete(crew: Crew, given: DeleteInput, _call: Call) -> DeleteOutput:
    await crew.workspaces.delete(given.workspace_name, force=given.force)
    return DeleteOutput(workspace_name=given.workspace_name)


async def _loss(crew: Crew, given: DeleteInput) -> str | None:
    """What a forced delete would lose."""
    if not given.force:
        return None
    name = given.workspace_name
    unsaved = (await crew.workspaces.glance(name)).unsaved
    return (
        f"Delete {name} with {unsaved}, which exist nowhere else?"
        if unsaved
        else f"Delete {name}? No work in it is lost."
    )


async def _disturbance(crew: Crew, given: WorkspaceInput) -> str | None:
    """Whose files would change beneath them."""
    agents = await crew.workspaces.agents(given.workspace_name)
    if not agents:
        return None
    return f"Change the files of {given.workspace_name} while agents work there: {', '.join(agents)}?"


CLONE = Tool("clone_repo", "workspace clone", "Clone a repository into a workspace", Right.MANAGE, CloneInput,
             WorkspaceOutput, _clone, timeout_s=_NETWORK_S)  # fmt: skip
CREATE = Tool("create_workspace", "workspace create", "Make a new git workspace", Right.MANAGE, CreateInput,
              WorkspaceOutput, _create, timeout_s=1800)  # fmt: skip
LIST = Tool("list_workspaces", "workspace list", "Workspaces: branch, ahead and behind, changes, size, agents",
            Right.VIEW, Input, ListWorkspacesOutput, _list, timeout_s=300)  # fmt: skip
BRANCH = Tool("create_branch", "workspace branch", "Create a branch and check it out", Right.RUN, BranchInput,
              WorkspaceOutput, _branch, timeout_s=300, confirm=_disturbance)  # fmt: skip
DIFF = Tool("diff_workspace", "workspace diff", "Stat and patch of a workspace against its base", Right.VIEW, WorkspaceInput,
            DiffOutput, _diff, timeout_s=300)  # fmt: skip
SYNC = Tool("sync_workspace", "workspace sync", "Fetch and fast-forward a workspace", Right.RUN, WorkspaceInput,
            WorkspaceOutput, _sync, timeout_s=_NETWORK_S, confirm=_disturbance)  # fmt: skip
PUSH = Tool("push_workspace", "workspace push", "Commit what is uncommitted, and push", Right.MANAGE, PushInput,
            PushOutput, _push, timeout_s=_NETWORK_S)  # fmt: skip
PULL_REQUEST = Tool("open_pull_request", "workspace pr", "Open a pull request on GitHub", Right.MANAGE, PullRequestInput,
                    PullRequestOutput, _pull_request)  # fmt: skip
DELETE = Tool("delete_workspace", "workspace delete", "Delete a workspace; unpushed work only when forced", Right.MANAGE,
              DeleteInput, DeleteOutput, _delete, timeout_s=300, confirm=_loss)  # fmt: skip
TOOLS = (CLONE, CREATE, LIST, BRANCH, DIFF, SYNC, PUSH, PULL_REQUEST, DELETE)
