"""Doing a call once, however often it arrives: its id is claimed on the host, and a repetition gets the first one's output."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import structlog
from pydantic import BaseModel

from agents.crew import Crew
from vps import control
from vps.errors import BadInput, DiskFull, HostError, VpsError

log = structlog.get_logger()

_LONGEST = 200
Out = TypeVar("Out", bound=BaseModel)


class StillRunning(VpsError):
    """The call of that id has not ended yet."""


class OutcomeUnknown(VpsError):
    """The call of that id began, and nobody knows whether it was done."""


def digest(tool: str, given: BaseModel) -> str:
    """What is called, as one word: the tool with exactly these arguments."""
    return _hash(json.dumps([tool, given.model_dump(mode="json")], sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def key(caller: str, call_id: str) -> str:
    """The name of a caller's id on the host. Raises BadInput for one that is empty or long."""
    if not 0 < len(call_id) <= _LONGEST:
        raise BadInput("request_id", f"takes 1 to {_LONGEST} characters.", remedy="Give each call one of its own.")
    return _hash(json.dumps([caller, call_id]))


async def once(
    crew: Crew, name: str, call: str, bound_s: float, model: type[Out], work: Callable[[], Awaitable[Out]]
) -> tuple[Out, bool]:
    """Work's output, and whether it is the output of a call of that id that came before.

    `name` is the id's `key`, `call` the call's `digest`. Raises BadInput where the id belongs to another call, StillRunning
    or OutcomeUnknown. A failure gives the id back, unless it leaves open whether something was done.
    """
    try:
        claim = await control.claim(crew.relay, name, call, bound_s)
    except DiskFull as error:
        # Agents must be stopped and workspaces deleted on a full disk too; no claimed call has this id.
        await log.awarning("call not claimed on the host", error=str(error))
        return await work(), False
    if not claim.same:
        raise BadInput("request_id", "belongs to another call.", remedy="Give each call an id of its own.")
    if claim.state == "done":
        return model.model_validate(claim.output), True
    if claim.state == "running":
        raise StillRunning("The call of that id is still running.", remedy="Repeat it later to get its answer.")
    if claim.state == "open":
        remedy = "Look whether it was; then call again under a new id if it was not."
        raise OutcomeUnknown("The call of that id broke off: nobody knows whether it was done.", remedy=remedy)
    try:
        output = await work()
    except BaseException as error:
        await asyncio.shield(_settled(crew, name, _state_after(error)))
        raise
    await asyncio.shield(_settled(crew, name, "done", output))
    return output, False


def _state_after(error: BaseException) -> Literal["open", "failed"]:
    """What broke off on the way to the host, or here, may have been done there."""
    return "failed" if isinstance(error, VpsError) and not isinstance(error, HostError) else "open"


async def _settled(
    crew: Crew, name: str, state: Literal["done", "open", "failed"], output: BaseModel | None = None
) -> None:
    """Written down on the host; where that fails, what the call itself came to is not touched."""
    kept = None if output is None else crew.mask.json(output.model_dump(mode="json"))
    try:
        await control.settle(crew.relay, name, state, kept)
    except VpsError as error:
        await log.aerror("end of a call not written on the host", state=state, error=str(error))
