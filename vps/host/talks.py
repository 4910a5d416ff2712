"""Conversations with people: they use the gateway as runs do, by a name of their own form, and have no container and no directory.

Each is let in for one turn at a time. What a bot left that was killed, the next one clears.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from vps.host import gateway, layout
from vps.host.refused import Refused

_READY_S, _LOOK_S = 10.0, 0.02
_BOUND_S = 2.0
_LONGEST = 107
"""Bytes of a socket's path (unix(7))."""


def begin(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Let one in and wait until it can ask: the path of its `socket`. request: name, person, budget_usd. Raises Refused."""
    credential = layout.read_json(os.path.join(gateway.home(root), "credential.json")) or {}
    if credential.get("kind") != "api_key":
        remedy = "Set ANTHROPIC_API_KEY where the bot runs, and hand it over with `agentflow credential`."
        raise Refused("credential", "the gateway has no API key, and a subscription is for Claude Code alone.", remedy)
    name = str(request["name"])
    if not layout.TALK.fullmatch(name):
        raise ValueError(f"not a name: {name!r}")
    path = os.path.join(gateway.place(root, name), "model.sock")
    if len(os.fsencode(path)) > _LONGEST:
        remedy = "Take a root directory with a shorter path."
        raise Refused("AGENTFLOW_ROOT", f"{root} is so long that sshd leads to no socket in it.", remedy)
    gateway.revoke(root, name)  # one that was left may be of another person's turn
    spec = {"network": "none", "workspace": "", "talk": True}
    gateway.admit(root, name, {**spec, "person": request["person"], "budget_usd": request["budget_usd"]})
    until = time.monotonic() + _READY_S
    while not _answers(path):
        if time.monotonic() > until:
            gateway.revoke(root, name)
            raise Refused("gateway", "it made no way to the model in time.", "See `agentflow doctor`.")
        time.sleep(_LOOK_S)
    return {"socket": path}


def _answers(path: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as model:
            model.settimeout(_BOUND_S)
            model.connect(path)
    except OSError:
        return False
    return True


def end(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Its turn is over: `name`'s socket leads nowhere from now on."""
    if is_one(root, str(request["name"])):
        gateway.revoke(root, str(request["name"]))
    return {}


def clear(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    """End all there are; their names (`ended`)."""
    try:
        files = os.listdir(os.path.join(gateway.home(root), "specs"))
    except FileNotFoundError:
        files = []
    ended = [name for file in sorted(files) if is_one(root, name := file[: -len(".json")])]
    for name in ended:
        gateway.revoke(root, name)
    return {"ended": ended}


def is_one(root: str, name: str) -> bool:
    """Whether one of that name is let in now."""
    if not layout.TALK.fullmatch(name):
        return False
    return bool((layout.read_json(os.path.join(gateway.home(root), "specs", f"{name}.json")) or {}).get("talk"))
