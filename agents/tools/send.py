"""The tool that says something to an agent while it works."""

from __future__ import annotations

import uuid
from typing import Annotated

from pydantic import Field, field_validator

from agents.crew import Crew
from agents.rights import Right
from agents.tools import once
from agents.tools.agents import AgentInput
from agents.tools.core import Call, Output, Tool
from agents.tools.spawn import MAX_TASK
from vps import inbox
from vps.errors import BadInput
from vps.host.layout import NAME

_OURS = uuid.UUID("6f0d7c1e-6a0c-5d0a-9b53-0c6a3c1d4e21")


class SendInput(AgentInput):
    """What `send_to_claude_agent` takes."""

    message: Annotated[str, Field(max_length=MAX_TASK, description="what to say to it")]

    @field_validator("message")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty; say something")
        if "\0" in value:
            raise ValueError("holds a NUL character")
        return value


class SendOutput(Output):
    """A message on its way. The agent's log says by `message_id` that it was taken."""

    container_id: str
    message_id: str

    def summary(self) -> str:
        """See `Output.summary`."""
        return f"Queued for {self.container_id}: it reads it at its next step."


def message_id(caller: str, call_id: str | None) -> str:
    """The id a call's message has in the inbox: the same for the same call of a caller, so that it is there once."""
    return str(uuid.uuid4() if call_id is None else uuid.uuid5(_OURS, once.key(caller, call_id)))


async def _send(crew: Crew, given: SendInput, call: Call) -> SendOutput:
    # A full name needs no look at what runs on the host: the host itself knows whether it is there.
    name = given.container_id if NAME.fullmatch(given.container_id) else await crew.runs.find(given.container_id)
    if not NAME.fullmatch(name):
        raise BadInput("container_id", f"{name} was started by hand.", remedy="Use `docker attach` on the VPS.")
    identity = message_id(call.origin.caller, call.id)
    await inbox.say(crew.relay, name, given.message, identity)
    return SendOutput(container_id=name, message_id=identity)


SEND = Tool(
    "send_to_claude_agent",
    "send",
    "Say something to an agent while it works",
    Right.RUN,
    SendInput,
    SendOutput,
    _send,
    is_once=True,
)
TOOLS = (SEND,)
