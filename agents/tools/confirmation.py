"""A person's yes before something is done: asked where the call comes from, or by a code where nobody can be asked there."""

from __future__ import annotations

from agents.crew import Crew
from agents.rights import Right
from vps import control
from vps.control import Confirmable
from vps.errors import VpsError
from vps.models import Origin

_PERSONS = ("discord:", "operator:")


class ConfirmationRequired(VpsError):
    """The call wants a person's yes, which this surface cannot ask for; `code` is good for 10 minutes and for this call."""

    def __init__(self, question: str, code: str) -> None:
        remedy = (
            f"A person who may do that confirms it within 10 minutes with `/confirm code:{code}` or "
            f"`agentflow confirm {code}`. Then repeat the very same call."
        )
        super().__init__(f"confirmation_required: {question}", remedy=remedy)
        self.question = question
        self.code = code


class NotConfirmed(VpsError):
    """The person said no, or nothing in time."""

    def __init__(self) -> None:
        super().__init__("Not confirmed: nothing was done.")


def is_person(origin: Origin) -> bool:
    """Whether a person calls; runs, models and voices never confirm."""
    return origin.caller.startswith(_PERSONS)


async def require(crew: Crew, origin: Origin, *, tool: str, right: Right, arguments: str, question: str) -> None:
    """Pass once for a yes that was given to this very call; `arguments` is their digest. Raises ConfirmationRequired."""
    asked = crew.mask.text(question)
    wanted = Confirmable(caller=origin.caller, tool=tool, arguments=arguments, right=right, question=asked)
    if code := await control.code_for(crew.relay, wanted):
        raise ConfirmationRequired(asked, code)
