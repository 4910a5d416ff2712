"""The client of `vps.host.control`: a person's yes to one call, and calls that were seen already."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from vps.errors import BadInput
from vps.relay import Relay

_ASKING_S = 15.0


class Confirmable(BaseModel):
    """One call that needs a yes: who calls which tool, a digest of its arguments, the right it takes, what to ask."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    caller: str
    tool: str
    arguments: str
    right: str
    question: str


class Claim(BaseModel):
    """How the call of an id stands: `claimed` for whoever asked, running, done, or open: nobody knows whether it was done."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Literal["claimed", "running", "done", "open"]
    same: bool
    """Whether it is the same tool with the same arguments."""
    output: dict[str, Any] | None = None


async def code_for(relay: Relay, wanted: Confirmable) -> str:
    """The code by which a person can agree; empty if one did, which is used up with this answer."""
    return str((await relay.ask("confirmation-ask", wanted.model_dump(), timeout=_ASKING_S))["code"])


async def waiting(relay: Relay, code: str) -> Confirmable:
    """The call that waits for a yes. Raises BadInput for a code that is wrong, expired or used."""
    return _waiting(await relay.ask("confirmation", {"code": code}, timeout=_ASKING_S))


async def agree(relay: Relay, code: str, by: str) -> Confirmable:
    """Say yes, once. Raises as `waiting`."""
    return _waiting(await relay.ask("confirmation-agree", {"code": code, "by": by}, timeout=_ASKING_S))


def _waiting(found: dict[str, Any]) -> Confirmable:
    if found["state"] == "open":
        return Confirmable.model_validate(found)
    if found["state"] == "unknown":
        raise BadInput("code", "no call waits for it.", remedy="Copy it again; a code is good for 10 minutes.")
    what = "has expired" if found["state"] == "expired" else "was used already"
    raise BadInput("code", f"{what}.", remedy="Repeat the call to get a new one.")


async def claim(relay: Relay, key: str, call: str, bound_s: float) -> Claim:
    """Claim an id; `key` (64 hexadecimal digits) names it, `call` is a digest of what is called, done within `bound_s`."""
    request = {"key": key, "call": call, "bound_s": bound_s}
    return Claim.model_validate(await relay.ask("call-claim", request, timeout=_ASKING_S))


async def settle(
    relay: Relay, key: str, state: Literal["done", "open", "failed"], output: dict[str, Any] | None = None
) -> None:
    """How the claimed call ended; `failed` gives the id back."""
    await relay.ask("call-settle", {"key": key, "state": state, "output": output}, timeout=_ASKING_S)
