"""The tool that tells what agents spent, as text for people."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agents import usage as spending
from agents.crew import Crew
from agents.rights import Right
from agents.tools.core import Call, Input, Output, Tool
from agents.usage import BudgetState, Usage

_BAR = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"


class UsageInput(Input):
    """What `get_usage` takes."""

    days: Annotated[int, Field(default=7, ge=1, le=90, description="how many days, today included")]


class UsageOutput(Output):
    """What agents spent, and what stands against it. USD by list prices; days are UTC."""

    usage: Usage

    def summary(self) -> str:
        """See `Output.summary`."""
        parts = [lines(self.usage), table(self.usage.days, "day")]
        shares = (("person", self.usage.people), ("model", self.usage.models), ("agent", self.usage.agents))
        parts += [table(rows, f"{what} today") for what, rows in shares if rows]
        return "\n\n".join("\n".join(part) for part in parts)


def lines(usage: Usage) -> list[str]:
    """What was spent today, what is left, and what requests wait for."""
    asked = "1 request" if usage.today.requests == 1 else f"{usage.today.requests} requests"
    found = [f"Today: ${usage.today.usd:.2f} in {asked}."]
    if usage.waiting:
        until = f" They go on at {clock(usage.waiting_until)}." if usage.waiting_until else ""
        found.append(f"All agents wait: {usage.waiting.rstrip('.')}.{until}")
    found += [budget_line(each) for each in usage.budgets]
    for window in usage.plan:
        name = "5-hour" if window.hours == 5 else "Weekly"
        resets = f", begins anew at {clock(window.resets_at)}" if window.resets_at else ""
        found.append(f"{name} limit of the plan: {window.used * 100:.0f}% used{resets}.")
    return found


def budget_line(state: BudgetState) -> str:
    """One budget, with what was added to it."""
    name = {"run": f"Budget of {state.who}", "person": f"Today's budget of {state.who}", "day": "Today's budget"}[
        state.scope
    ]
    added = f", {state.added:.2f} of it added" if state.added else ""
    return f"{name}: ${state.spent:.2f} of ${state.limit:.2f}{added}; ${state.left:.2f} left."


def clock(moment: str | None) -> str:
    """A time of RFC 3339 as people read it."""
    return (moment or "").replace("T", " ").replace(":00Z", " UTC").replace("Z", " UTC")


def table(rows: tuple[spending.Spend, ...], head: str) -> list[str]:
    """A line each, with a bar."""
    most = max((row.usd for row in rows), default=0.0)
    width = max([len(head), *(len(row.what) for row in rows)])
    shown = [f"{head:<{width}}  {'USD':>9}  {'requests':>8}"]
    for row in rows:
        figures = f"{row.what:<{width}}  {row.usd:>9.2f}  {row.requests:>8}"
        shown.append(f"{figures}  {bar(row.usd, most)}".rstrip())
    return shown


def bar(value: float, most: float) -> str:
    """Blocks up to 24 columns, by eighths; something for everything that is not zero."""
    eighths = round(value / most * _BAR * 8) if most > 0 else 0
    if value > 0:
        eighths = max(1, eighths)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


async def _usage(crew: Crew, given: UsageInput, _call: Call) -> UsageOutput:
    told = await crew.gateway.usage(given.days)
    names = {
        run.record.origin.caller: run.record.origin.caller_name
        for run in await crew.runs.list()
        if run.record is not None and run.record.origin.caller_name
    }
    return UsageOutput(usage=spending.read(told, given.days, names, crew.mask))


GET_USAGE = Tool(
    "get_usage",
    "usage",
    "What agents spent, and what is left of budgets and limits",
    Right.VIEW,
    UsageInput,
    UsageOutput,
    _usage,
)
TOOLS = (GET_USAGE,)
