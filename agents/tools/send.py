"""The tools that say something to an agent: the next message of its session, or that it should stop its turn."""

from __future__ import annotations

import asyncio
import uuid
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from agents import attachments
from agents.attachments import Attachment
from agents.crew import Crew
from agents.rights import Right
from agents.tools import once
from agents.tools.agents import AgentInput, named, ours
from agents.tools.core import Call, Output, Tool
from agents.tools.spawn import MAX_TASK
from agents.tools.stakes import Stake, always
from vps import attachments as placing
from vps import inbox
from vps.errors import BadInput, RunEnded
from vps.models import Enclosed

_SENDING_S = 900.0
"""What 50 MB take on a slow link, and a wake after that."""
_OURS = uuid.UUID("6f0d7c1e-6a0c-5d0a-9b53-0c6a3c1d4e21")


class SendInput(AgentInput):
    """What `send_to_claude_agent` takes."""

    message: Annotated[str, Field(max_length=MAX_TASK, description="what to say to it")]
    files: Annotated[
        tuple[Attachment, ...], Field(default=(), description="files for it, each a `name` and its `content` in base64")
    ]

    @field_validator("message")
    @classmethod
    def _is_text(cls, value: str) -> str:
        if "\0" in value:
            raise ValueError("holds a NUL character")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.message.strip() and not self.files:
            raise BadInput("message", "is empty.", remedy="Say something.")
        return self


class SendOutput(Output):
    """A message on its way. The agent's log says by `message_id` that it was taken."""

    container_id: str
    message_id: str
    refused: tuple[str, ...] = ()
    """The files that did not go with it, each with the reason and a remedy."""

    def summary(self) -> str:
        """See `Output.summary`."""
        queued = f"Queued for {self.container_id}: it reads it at its next step; one that has ended wakes for it."
        told = f"{queued} Its id, for `edit`: {self.message_id}."
        return attachments.with_refused(told, self.refused)


def message_id(caller: str, call_id: str | None) -> str:
    """The id a call's message has in the inbox: the same for the same call of a caller, so that it is there once."""
    return str(uuid.uuid4() if call_id is None else uuid.uuid5(_OURS, once.key(caller, call_id)))


async def _send(crew: Crew, given: SendInput, call: Call) -> SendOutput:
    name = await named(crew, given.container_id)
    identity = message_id(call.origin.caller, call.id)
    accepted, refused = await asyncio.to_thread(attachments.sort_out, given.files, crew.settings.attachment_bytes)
    told = tuple(map(str, refused))
    if not accepted and not given.message.strip():
        raise BadInput("files", " ".join(told))
    await _say(crew, name, given.message, identity, attachments.enclosed(identity, accepted, refused))
    return SendOutput(container_id=name, message_id=identity, refused=told)


async def _say(crew: Crew, name: str, text: str, identity: str, enclosed: Enclosed) -> None:
    """The files first: the agent reads the message as soon as it is there."""
    if enclosed.files:
        await placing.place(crew.relay, name, identity, enclosed.files)
    try:
        await inbox.say(crew.relay, name, text, identity, enclosed.told, enclosed.pictures)
    except RunEnded:
        await placing.remove(crew.relay, name, identity)
        raise


class InterruptOutput(Output):
    """Whether there was a turn to be stopped."""

    container_id: str
    was_working: bool

    def summary(self) -> str:
        """See `Output.summary`."""
        done = "is interrupted; say what it should do instead" if self.was_working else "was not at work"
        return f"{self.container_id} {done}."


async def _interrupt(crew: Crew, given: AgentInput, _call: Call) -> InterruptOutput:
    run = await ours(crew, given.container_id)
    was_working = run.alive and not run.idle and run.waiting is None and await inbox.interrupt(crew.relay, run.name)
    return InterruptOutput(container_id=run.name, was_working=was_working)


SEND = Tool(
    "send_to_claude_agent",
    "send",
    "Say something to an agent; one that has ended wakes for it",
    Right.RUN,
    SendInput,
    SendOutput,
    _send,
    timeout_s=_SENDING_S,
    is_once=True,
    stakes=always(Stake.SPENDS),
)
INTERRUPT = Tool(
    "interrupt_claude_agent",
    "interrupt",
    "Stop an agent's turn and keep its session",
    Right.RUN,
    AgentInput,
    InterruptOutput,
    _interrupt,
    stakes=always(Stake.STOPS),
)
TOOLS = (SEND, INTERRUPT)
