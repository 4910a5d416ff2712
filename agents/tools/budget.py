"""The tool that adds to a budget."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from agents import usage as spending
from agents.crew import Crew
from agents.rights import Right
from agents.tools.agents import ours
from agents.tools.core import Call, Input, Output, Tool
from agents.tools.parameters import ContainerId
from agents.tools.stakes import Stake, always
from agents.usage import BudgetState, Scope, budget_state
from vps.errors import BadInput
from vps.proxy.books import Spent


class BudgetInput(Input):
    """What `raise_budget` takes."""

    scope: Annotated[Scope, Field(description="an agent's own, the day's of who started it, or the day's of all")]
    usd: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False, description="how much to add, in USD")]
    container_id: Annotated[
        ContainerId | None, Field(default=None, description="the agent, or one of the person's; for run and person")
    ]

    @model_validator(mode="after")
    def _names_whom(self) -> BudgetInput:
        if self.scope != "day" and self.container_id is None:
            remedy = "Name the agent, or one of the person's agents."
            raise BadInput("container_id", f"is required for scope {self.scope}.", remedy=remedy)
        return self


class BudgetOutput(Output):
    """A budget that was added to. `limit`, `spent` and `left` are in USD; those of a person and of the day end with it (UTC)."""

    scope: Scope
    who: str
    added: float
    limit: float
    spent: float
    left: float

    def summary(self) -> str:
        """See `Output.summary`."""
        left = f"{self.left:.2f} are left" if self.left else "none is left: add more"
        if self.scope == "run":
            return f"{self.who} has {self.limit:.2f} USD now; {left}."
        whose = "All agents have" if self.scope == "day" else f"{self.who} has"
        return f"{whose} {self.limit:.2f} USD today; {left}."


async def _raise(crew: Crew, given: BudgetInput, call: Call) -> BudgetOutput:
    key, who = await _whose(crew, given)
    told = await crew.gateway.usage(1)
    before = _state(told, given.scope, key)
    if before is None:
        remedy = f"None is needed; {spending.SETTINGS[given.scope]} sets one."
        raise BadInput("scope", f"there is no budget of {_NOUNS[given.scope]} to add to.", remedy=remedy)
    await crew.gateway.grant(given.scope, key, given.usd, call.origin.caller)
    limit = before.limit + given.usd
    left = max(0.0, limit - before.spent)
    return BudgetOutput(scope=given.scope, who=who, added=given.usd, limit=limit, spent=before.spent, left=left)


_NOUNS: dict[Scope, str] = {"run": "this agent", "person": "a person's day", "day": "the day"}


async def _whose(crew: Crew, given: BudgetInput) -> tuple[str, str]:
    """The budget's key at the gateway, and for people."""
    if given.scope == "day" or given.container_id is None:
        return "", ""
    run = await ours(crew, given.container_id)
    assert run.record is not None
    if given.scope == "person":
        return run.record.origin.person, run.record.origin.caller_name or run.record.origin.caller
    return run.name, run.name


def _state(told: dict[str, Any], scope: Scope, key: str) -> BudgetState | None:
    people = {str(row[0]): float(row[1]) for row in told["people"]}
    spent = Spent(float(told["totals"].get(key, 0.0)), people.get(key, 0.0), sum(people.values()))
    return budget_state(told, scope, key, spent, float(told["now"]))


RAISE_BUDGET = Tool(
    "raise_budget",
    "budget",
    "Add to a budget that agents wait for",
    Right.MANAGE,
    BudgetInput,
    BudgetOutput,
    _raise,
    stakes=always(Stake.SPENDS, Stake.OPENS),
)
TOOLS = (RAISE_BUDGET,)
