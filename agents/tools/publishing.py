"""The tools that bring a workspace's work to its remote: push and pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, Output, Tool
from agents.tools.names import BranchName, is_branch_name
from agents.tools.stakes import Stake, always
from agents.tools.workspaces import NETWORK_S, WorkspaceInput
from vps.errors import BadInput
from vps.models import Origin
from vps.remotes import parse_remote
from vps.workspace import Vault, Workspace

MAX_MESSAGE = 20_000
"""Characters of a commit message."""


class PushInput(WorkspaceInput):
    """What `push_workspace` takes."""

    commit_message: Annotated[
        str, Field(default="Work of an agent", max_length=MAX_MESSAGE, description="for what is uncommitted")
    ]

    branch: Annotated[BranchName | None, Field(default=None, description="push only while it is on this branch")]

    @field_validator("commit_message")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip() or "\0" in value:
            raise ValueError("is empty, or holds a NUL character")
        return value


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


async def _subject(crew: Crew, given: PushInput) -> tuple[PushInput, Mapping[str, str]]:
    """The branch the workspace is on now, which its agent chooses, and where it would go."""
    on, url = await crew.workspaces.push_target(given.workspace_name)
    branch = given.branch or on or (await crew.workspaces.find(given.workspace_name)).branch
    if not is_branch_name(branch):
        # Nobody could be held to it.
        remedy = "Rename it there, or push with the button in the agent's thread."
        raise BadInput(
            "branch", f"that the workspace is on has no name that can be given: {branch[:100]!r}.", remedy=remedy
        )
    if not url:
        raise BadInput("workspace_name", "has no remote repository.", remedy="Clone one, or create it with one.")
    return given.model_copy(update={"branch": branch}), {"goes to": parse_remote(url).url}


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
    vault = await crew.workspaces.vault(given.workspace_name, workspace.branch)
    if obstacle := _obstacle(workspace, vault):
        raise BadInput("workspace_name", obstacle[0], remedy=obstacle[1])
    title, body = given.title, given.body or ""
    found = await crew.github.open_pull_request(parse_remote(vault.url), workspace.branch, vault.default, title, body)
    return PullRequestOutput(url=found.url, number=found.number, created=found.created)


def _obstacle(workspace: Workspace, vault: Vault) -> tuple[str, str] | None:
    """What is between the work and a pull request, and the next step; None where the remote has all of it on a branch."""
    branch = workspace.branch
    if not vault.url:
        return "has no remote repository.", "Give it one: `workspace create` with its name and `create_github_repo`."
    if branch == vault.default:
        return f"is on {branch} itself.", "Make a branch with `create_branch` first."
    if not branch or not vault.start or workspace.base != f"origin/{branch}":
        return f"its branch {branch or '(none)'} is not on the remote.", "Push it first."
    counts = ((workspace.changed, "uncommitted changes"), (workspace.ahead, f"commits {workspace.base} lacks"))
    missing = ", ".join(f"{number} {what}" for number, what in counts if number)
    return (f"has {missing}.", "Push it first.") if missing else None


PUSH = Tool("push_workspace", "workspace push", "Commit what is uncommitted, and push", Right.MANAGE, PushInput,
            PushOutput, _push, timeout_s=NETWORK_S, stakes=always(Stake.PUSHES), subject=_subject)  # fmt: skip
PULL_REQUEST = Tool("open_pull_request", "workspace pr", "Open a pull request on GitHub", Right.MANAGE, PullRequestInput,
                    PullRequestOutput, _pull_request, stakes=always(Stake.PUSHES))  # fmt: skip
TOOLS = (PUSH, PULL_REQUEST)
