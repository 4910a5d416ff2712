"""The client of `vps.host.inbox`: what people say to a run."""

from __future__ import annotations

from vps.commands import claude
from vps.errors import BadInput, NoSuchRun, RunEnded
from vps.relay import Relay

_SAYING_S = 15.0


async def say(relay: Relay, name: str, text: str, message_id: str) -> bool:
    """Put a message into a run's inbox, once by its id (a UUID); whether it was there already.

    The CLI takes it at its next step; that it did, its log says by the id. Raises NoSuchRun, RunEnded, or BadInput where the id
    belongs to another message. A repetition is no error, also once the run has ended.
    """
    line = claude.user_message(text, message_id).rstrip("\n")
    request = {"name": name, "id": message_id, "line": line}
    found = await relay.ask("say", request, timeout=_SAYING_S)
    if found["state"] == "missing":
        raise NoSuchRun(name)
    if found["state"] == "ended":
        raise RunEnded
    if found["state"] == "known" and not found["same"]:
        raise BadInput("request_id", "belongs to another message.", remedy="Give each message an id of its own.")
    return bool(found["state"] == "known")
