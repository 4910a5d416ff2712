"""The tool that reads the record of calls."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agents import audit
from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, Input, Output, Tool


class AuditInput(Input):
    """What `get_audit_log` takes."""

    lines: Annotated[int, Field(default=20, gt=0, le=1000, description="how many of the last calls")]
    caller: Annotated[
        str | None, Field(default=None, max_length=100, description="only this caller's, as the record names it")
    ]
    tool: Annotated[str | None, Field(default=None, max_length=100, description="only this tool's, by its full name")]


class AuditOutput(Output):
    """Calls, oldest first."""

    calls: list[audit.Entry]

    def summary(self) -> str:
        """See `Output.summary`."""
        return "\n".join(call.summary() for call in self.calls) or "No calls."


async def _read(crew: Crew, given: AuditInput, _call: Call) -> AuditOutput:
    wanted = {"caller": given.caller, "tool": given.tool}
    found = await audit.read(crew.relay, given.lines, {name: value for name, value in wanted.items() if value})
    return AuditOutput(calls=found)


AUDIT = Tool("get_audit_log", "audit", "Who did what, and how it went", Right.MANAGE, AuditInput, AuditOutput, _read,
             reads=True)  # fmt: skip
TOOLS = (AUDIT,)
