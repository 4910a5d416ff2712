"""The tool that changes what was said to an agent, or takes it back, as long as the agent has not read it."""

from __future__ import annotations

import uuid
from typing import Annotated

from pydantic import Field, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools.agents import AgentInput, named
from agents.tools.core import Call, Output, Tool
from agents.tools.send import message_id
from agents.tools.spawn import MAX_TASK
from agents.tools.stakes import Stake, always
from vps import inbox


class EditInput(AgentInput):
    """What `edit_claude_message` takes."""

    message_id: Annotated[str, Field(max_length=36, description="the message's id, as sending it answered")]
    message: Annotated[
        str | None,
        Field(default=None, max_length=MAX_TASK, description="what it is to say; left out, it is taken back"),
    ]

    @field_validator("message_id")
    @classmethod
    def _is_id(cls, value: str) -> str:
        try:
            return str(uuid.UUID(value))
        except ValueError:
            raise ValueError("is no id of a message") from None

    @field_validator("message")
    @classmethod
    def _is_text(cls, value: str | None) -> str | None:
        if value and "\0" in value:
            raise ValueError("holds a NUL character")
        return value

    @property
    def words(self) -> str | None:
        """What it is to say; nothing where it is taken back."""
        return self.message if self.message and self.message.strip() else None


class EditOutput(Output):
    """An edit on its way. The agent's log says by `message_id`, which stays the message's id, whether it came in time."""

    container_id: str
    message_id: str
    taken_back: bool

    def summary(self) -> str:
        """See `Output.summary`."""
        done = "Taken back" if self.taken_back else "Changed"
        return f"{done}, unless {self.container_id} has read it already."


async def _edit(crew: Crew, given: EditInput, call: Call) -> EditOutput:
    name = await named(crew, given.container_id)
    edit_id = message_id(call.origin.caller, call.id)
    await inbox.edit(crew.relay, name, given.message_id, given.words, edit_id)
    return EditOutput(container_id=name, message_id=given.message_id, taken_back=given.words is None)


EDIT = Tool(
    "edit_claude_message",
    "edit",
    "Change what was said to an agent, or take it back, before it reads it",
    Right.RUN,
    EditInput,
    EditOutput,
    _edit,
    is_once=True,
    stakes=always(Stake.SPENDS),
)
TOOLS = (EDIT,)
