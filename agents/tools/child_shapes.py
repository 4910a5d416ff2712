"""What the tools of `agents.tools.children` take and answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from agents.tools.core import Input, Output
from agents.tools.parameters import TimeoutMs
from agents.tools.spawn import MAX_TASK
from agents.tools.views import AgentView
from vps.models import Network


def _says_something(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; say something")
    if "\0" in value:
        raise ValueError("holds a NUL character")
    return value


Words = Annotated[str, Field(max_length=MAX_TASK), AfterValidator(_says_something)]


class SpawnChildInput(Input):
    """What `spawn_child` takes."""

    task: Words
    model: Annotated[str | None, Field(default=None, min_length=1, max_length=200)]
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    max_turns: Annotated[int | None, Field(default=None, gt=0, le=10_000)]
    max_budget_usd: Annotated[float | None, Field(default=None, gt=0, le=100_000)]
    timeout: TimeoutMs = 600_000
    network: Network | None = None
    outlive: bool = False


class ChildInput(Input):
    """Tools on one child take its id."""

    child: Annotated[str, Field(min_length=1, max_length=100)]


class SendChildInput(ChildInput):
    """What `send_to_child` takes."""

    message: Words


class ChildOutputInput(ChildInput):
    """What `get_child_output` takes."""

    lines: Annotated[int, Field(default=50, gt=0, le=500)]
    diff: bool = False


class ChildResultInput(ChildInput):
    """What `get_child_result` takes."""

    wait: Annotated[TimeoutMs, Field(default=120_000, le=600_000)]


class SpawnChildOutput(Output):
    """The new child. `thread` is the id of the thread that shows it."""

    child: str
    branch: str
    files: str = ""
    """Where it works: its parent's container has that read-only."""
    thread: str = ""
    waits_for: str = ""

    def summary(self) -> str:
        """See `Output.summary`."""
        waits = f" It waits to be started: for {self.waits_for}." if self.waits_for else ""
        where = f"on branch {self.branch} in {self.files}, which you can read"
        return f"Child {self.child} works {where}.{waits} Wait for it with get_child_result."


class ChildOutput(Output):
    """One child, and whether it has done its work."""

    agent: AgentView
    is_done: bool
    changes: str = ""
    commit: str = ""
    """Where its branch stands, handed in to the workspace it shares with its parent."""

    def summary(self) -> str:
        """See `Output.summary`."""
        if not self.is_done:
            return f"Not done yet: {self.agent.summary()}"
        merge = (
            self.commit
            and f"At commit {self.commit}: `git merge` takes it here; if not, get_child_output gives the patch."
        )
        changed = self.changes and f"Changes:\n{self.changes}"
        parts = [self.agent.summary(), f"Branch: {self.agent.branch}", changed, merge]
        return "\n".join([*filter(None, parts), "", self.agent.result or "It said nothing at the end."])


class ChildrenOutput(Output):
    """All of them."""

    agents: list[AgentView]

    def summary(self) -> str:
        """See `Output.summary`."""
        return "\n".join(f"{agent.summary()} · {agent.task[:80]}" for agent in self.agents) or "You have no children."


class Anything(Input):
    """What nobody takes."""

    model_config = ConfigDict(frozen=True, extra="allow")
