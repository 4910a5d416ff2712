"""The tool by which a person says yes to a call that came from where nobody could be asked."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools.confirmation import NotConfirmed, is_person
from agents.tools.core import Call, Input, NotPermitted, Output, Tool
from vps import control


class ConfirmInput(Input):
    """What `confirm_call` takes."""

    code: Annotated[str, Field(max_length=40, description="the code that came with confirmation_required")]

    @field_validator("code")
    @classmethod
    def _is_a_code(cls, value: str) -> str:
        signs = re.sub(r"[\s-]", "", value).lower()
        if not re.fullmatch(r"[a-z0-9]{10}", signs):
            raise ValueError("is none; a code looks like abcde-23456")
        return f"{signs[:5]}-{signs[5:]}"


class ConfirmOutput(Output):
    """The call that may now be done once."""

    question: str
    caller: str
    tool: str

    def summary(self) -> str:
        """See `Output.summary`."""
        return f"Confirmed: {self.question} {self.caller} may repeat that very call of {self.tool} once, within 10 minutes."


async def _confirm(crew: Crew, given: ConfirmInput, call: Call) -> ConfirmOutput:
    if not is_person(call.origin):
        raise NotPermitted("Only a person may confirm.", remedy="Give the code to one.")
    if call.confirm is None:
        # Otherwise a script that got the code would say yes to itself.
        raise NotPermitted("Nobody can be asked here.", remedy="Confirm on a terminal, or with /confirm in Discord.")
    wanted = await control.waiting(crew.relay, given.code)
    needed = Right(wanted.right)
    if needed not in call.rights:
        remedy = "Ask somebody who has it to confirm."
        raise NotPermitted(f"You may not confirm `{wanted.tool}`: it takes the right to {needed}.", remedy=remedy)
    # Whoever was handed a code may have been told anything about it.
    if not await call.confirm(f"{wanted.question} Asked for by {wanted.caller}."):
        raise NotConfirmed
    agreed = await control.agree(crew.relay, given.code, call.origin.caller)
    return ConfirmOutput(question=agreed.question, caller=agreed.caller, tool=agreed.tool)


CONFIRM = Tool("confirm_call", "confirm", "Say yes to a call that waits for a person's confirmation", Right.VIEW, ConfirmInput,
               ConfirmOutput, _confirm, timeout_s=180)  # fmt: skip
TOOLS = (CONFIRM,)
