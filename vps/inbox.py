"""The client of `vps.host.inbox`: what people say to a run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

from vps.commands import claude
from vps.errors import BadInput, NoSuchRun, RunEnded
from vps.relay import Relay

_SAYING_S = 15.0
_WAKING_S = 150.0
"""More than the host gives `docker run`."""
_ENDING_S, _LOOK_S = 40.0, 0.3
"""What a run that is on its way out may take: an interrupt, TERM, KILL and the keeper's record."""


async def say(
    relay: Relay,
    name: str,
    text: str,
    message_id: str,
    attached: str = "",
    pictures: Sequence[tuple[str, str]] = (),
) -> bool:
    """Put a message into a run's inbox, once by its id (a UUID); whether it was there already. One that has ended is woken.

    `attached`, `pictures`: see `claude.user_message`. The CLI takes it at its next step; that it did, its log says by the id.
    Raises NoSuchRun, RunEnded where it cannot be woken, or BadInput where the id belongs to another message. A repetition is
    no error, and wakes nobody.
    """
    line = claude.user_message(text, message_id, attached, pictures).rstrip("\n")
    request = {"name": name, "id": message_id, "line": line}
    found = await relay.ask("say", request, timeout=_SAYING_S)
    was_there = found["state"] == "known"
    deadline = time.monotonic() + _ENDING_S
    while found["state"] in ("closing", "ended") and time.monotonic() < deadline:
        if found["state"] == "ended":
            await _wake(relay, request)
        else:
            await asyncio.sleep(_LOOK_S)
        found = await relay.ask("say", request, timeout=_SAYING_S)
    if found["state"] == "missing":
        raise NoSuchRun(name)
    if found["state"] in ("closing", "ended"):
        raise RunEnded("It is on its way out.", remedy="Say it again in a moment.")
    if found["state"] == "known" and not found["same"]:
        raise BadInput("request_id", "belongs to another message.", remedy="Give each message an id of its own.")
    return was_there


async def _wake(relay: Relay, request: dict[str, str]) -> None:
    found = await relay.ask("wake", request, timeout=_WAKING_S)
    if found["why"]:
        raise RunEnded(f"This agent has ended and cannot be woken: {found['why']}.")


async def edit(relay: Relay, name: str, message_id: str, text: str | None, edit_id: str) -> None:
    """Have a run read other words instead of a message that was said to it, or with None nothing, unless it has taken it by then.

    How that went its log says, by the message's id (`vps.events.types.Edited`). An order of the same `edit_id` (a UUID) is a
    repetition, and no error. Raises NoSuchRun, or BadInput where there is no such message, none any more, or a run that has ended
    had read it.
    """
    by = json.loads(claude.user_message(text, edit_id)) if text is not None else None
    found = await relay.ask("edit", {"name": name, "id": message_id, "by": by}, timeout=_SAYING_S)
    if found["state"] == "missing":
        raise NoSuchRun(name)
    if found["state"] == "unknown":
        raise BadInput("message_id", "names no message of this agent.", remedy="Give the id that sending it answered.")
    if found["state"] == "taken":
        raise BadInput("message_id", "names a message that it has read.", remedy="Write another one.")
    if found["state"] == "gone":
        raise BadInput("message_id", "names a message that was taken back.", remedy="Write it again.")
    if found["state"] == "known" and not found["same"]:
        raise BadInput("request_id", "belongs to another edit.", remedy="Give each edit an id of its own.")


async def interrupt(relay: Relay, name: str) -> bool:
    """Have a run's CLI end its turn, and wait for what it is told next; whether somebody is there to be interrupted."""
    return bool((await relay.ask("order", {"name": name, "order": {"op": "interrupt"}}))["taken"])


async def was_woken(relay: Relay, name: str, size: int) -> bool:
    """Whether a run goes on, or went on, since it had ended with a log of `size` bytes."""
    (run,) = (await relay.ask("describe", {"name": name, "tail": 0}, timeout=_SAYING_S))["runs"]
    return (run["run"] is not None and run["docker"] is None) or run["size"] > size
