"""What the control plane may ask of the host, each answered with a JSON object. The relay process answers in threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vps.host import (
    attachments,
    audit,
    caches,
    channels,
    claims,
    command,
    control,
    facts,
    gateway,
    heads,
    inbox,
    keeper,
    keyring,
    lease,
    prune,
    runs,
    starts,
    talks,
    wakes,
    workspaces,
)

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]


def answer(root: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one question; a request that cannot be met is `{"refused": …}`. Raises KeyError for an unknown verb."""
    try:
        return _VERBS[verb](root, request)
    except runs.Refused as refused:
        return {"refused": refused.answer}
    except OSError as error:
        return {"refused": {"field": "host", "message": f"{type(error).__name__}: {error}", "remedy": ""}}


def _discard(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """With `unstarted`, only one that was never let in: whoever asks does not know how far it came."""
    if not request.get("unstarted"):
        prune.discard(root, request["name"])
        return {}
    with workspaces.one_at_a_time(root):
        if starts.admitted(root, request["name"]) is None:
            prune.discard(root, request["name"])
    return {}


def _prune(root: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"pruned": prune.prune(root, request["max_age_s"], request["max_bytes"]), "stuck": prune.stuck(root)}


def _trim_caches(root: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"trimmed": caches.trim(root, request["max_bytes"]), "stuck": caches.stuck(root)}


def _order(root: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"taken": inbox.order(root, request["name"], request["order"])}


def _wake(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """`why` it cannot be; empty where it was."""
    why = wakes.why_not(root, request["name"])
    if not why:
        wakes.wake(root, request["name"], request)
        keeper.ensure(root)
    return {"why": why}


def _keep(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    keeper.ensure(root)
    return {}


def _stop_keeper(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    keeper.stop(root)
    return {}


_VERBS: dict[str, Answer] = {
    "facts": facts.facts,
    "reach": facts.reach,
    "check": runs.check,
    "prepare": runs.prepare,
    "admit": starts.admit,
    "withdraw": starts.withdraw,
    "room": starts.room,
    "describe": runs.describe,
    "say": inbox.say,
    "attach": attachments.place,
    "detach": attachments.remove,
    "edit": inbox.edit,
    "order": _order,
    "wake": _wake,
    "channel": channels.read,
    "channel-change": channels.change,
    "secrets": keyring.listed,
    "secret-set": keyring.put,
    "secret-remove": keyring.remove,
    "secret-values": keyring.values,
    "discard": _discard,
    "prune": _prune,
    "trim-caches": _trim_caches,
    "workspaces": workspaces.look,
    "claim": claims.claim,
    "publish": claims.publish,
    "retire": claims.retire,
    "release": claims.release,
    "push-target": heads.target,
    "transfer": workspaces.transfer,
    "end-transfer": workspaces.end_transfer,
    "keep": _keep,
    "stop-keeper": _stop_keeper,
    "audit-note": audit.note,
    "audit-read": audit.read,
    "confirmation-ask": control.ask,
    "confirmation": control.waiting,
    "confirmation-agree": control.agree,
    "call-claim": control.claim,
    "call-settle": control.settle,
    "gateway": gateway.stands,
    "gateway-start": gateway.start,
    "gateway-remove": gateway.remove,
    "gateway-renew": gateway.renew,
    "gateway-allow": gateway.allow,
    "gateway-grant": gateway.grant,
    "gateway-usage": gateway.usage,
    "talk-begin": talks.begin,
    "talk-end": talks.end,
    "talk-clear": talks.clear,
    "lease-take": lease.take,
    "lease-release": lease.release,
    "run": command.run,
}
