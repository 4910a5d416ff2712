"""The tools around workspaces: clone, create, list, branch, diff, sync, delete."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.names import BranchName, NewName, WorkspaceName, new_name
from agents.tools.stakes import Stake, Stakes, always
from vps.errors import BadInput, VpsError
from vps.remotes import parse_remote
from vps.workspace import Vault, Workspace

NETWORK_S = 3700.0
"""What a large repository may take over a slow line."""


class WorkspaceInput(Input):
    """Tools on one workspace take its name."""

    workspace_name: WorkspaceName


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
    workspace_name: Annotated[NewName | None, Field(default=None, description="its name; else the repository's")]
    branch: Annotated[BranchName | None, Field(default=None, description="branch to check out; else the default")]

    @field_validator("repo_url")
    @classmethod
    def _is_a_remote(cls, value: str) -> str:
        parse_remote(value)
        return value


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

    workspace_name: Annotated[NewName, Field(description="the new workspace's name")]
    create_github_repo: Annotated[
        bool, Field(default=False, description="also create a repository on GitHub; for a workspace without one too")
    ]
    repo_visibility: Annotated[Literal["private", "public"], Field(default="private", description="who sees it there")]


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

    branch_name: Annotated[BranchName, Field(description="the new branch")]


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


def _creates_outside(given: CreateInput) -> Stakes:
    return frozenset({Stake.OPENS} if given.create_github_repo else ())


CLONE = Tool("clone_repo", "workspace clone", "Clone a repository into a workspace", Right.MANAGE, CloneInput,
             WorkspaceOutput, _clone, timeout_s=NETWORK_S, stakes=always())  # fmt: skip
CREATE = Tool("create_workspace", "workspace create", "Make a new git workspace", Right.MANAGE, CreateInput,
              WorkspaceOutput, _create, timeout_s=1800, stakes=_creates_outside)  # fmt: skip
LIST = Tool("list_workspaces", "workspace list", "Workspaces: branch, ahead and behind, changes, size, agents",
            Right.VIEW, Input, ListWorkspacesOutput, _list, timeout_s=300)  # fmt: skip
BRANCH = Tool("create_branch", "workspace branch", "Create a branch and check it out", Right.RUN, BranchInput,
              WorkspaceOutput, _branch, timeout_s=300, confirm=_disturbance, stakes=always())  # fmt: skip
DIFF = Tool("diff_workspace", "workspace diff", "Stat and patch of a workspace against its base", Right.VIEW, WorkspaceInput,
            DiffOutput, _diff, timeout_s=300)  # fmt: skip
SYNC = Tool("sync_workspace", "workspace sync", "Fetch and fast-forward a workspace", Right.RUN, WorkspaceInput,
            WorkspaceOutput, _sync, timeout_s=NETWORK_S, confirm=_disturbance, stakes=always())  # fmt: skip
DELETE = Tool("delete_workspace", "workspace delete", "Delete a workspace; unpushed work only when forced", Right.MANAGE,
              DeleteInput, DeleteOutput, _delete, timeout_s=300, confirm=_loss, stakes=always(Stake.DELETES))  # fmt: skip
TOOLS = (CLONE, CREATE, LIST, BRANCH, DIFF, SYNC, DELETE)
