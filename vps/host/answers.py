"""What the control plane may ask of the host, each answered with a JSON object. The relay process answers in threads."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

from vps.host import audit, caches, control, facts, keeper, prune, runs, workspaces

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
    prune.discard(root, request["name"])
    return {}


def _prune(root: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"pruned": prune.prune(root, request["max_age_s"], request["max_bytes"]), "stuck": prune.stuck(root)}


def _trim_caches(root: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"trimmed": caches.trim(root, request["max_bytes"]), "stuck": caches.stuck(root)}


def _reserve(root: str, request: dict[str, Any]) -> dict[str, Any]:
    reserved = workspaces.reserve(root, request)
    if not reserved["taken"]:
        # One that was removed by hand may have left its packages: they are no business of a new one.
        caches.retire(root, request["name"])
    return reserved


def _keep(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    keeper.ensure(root)
    return {}


def _stop_keeper(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    keeper.stop(root)
    return {}


def _run(_root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run `argv` without a shell, `stdin` in base64, for at most `timeout_s`; one that overruns is killed and `late`.

    A program that is not there ends with 127 and one that may not be run with 126, as in a shell.
    """
    try:
        process = subprocess.Popen(
            request["argv"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        missing = isinstance(error, FileNotFoundError)
        text = f"{request['argv'][0]}: {'command not found' if missing else error.strerror}\n"
        return _done(127 if missing else 126, b"", text.encode())
    try:
        output, errors = process.communicate(base64.b64decode(request["stdin"]), timeout=request["timeout_s"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"late": True}
    return _done(process.returncode, output, errors)


def _done(code: int, output: bytes, errors: bytes) -> dict[str, Any]:
    encoded = [base64.b64encode(data).decode("ascii") for data in (output, errors)]
    return {"late": False, "exit_code": code, "stdout": encoded[0], "stderr": encoded[1]}


_VERBS: dict[str, Answer] = {
    "facts": facts.facts,
    "reach": facts.reach,
    "check": runs.check,
    "prepare": runs.prepare,
    "describe": runs.describe,
    "append": runs.append,
    "discard": _discard,
    "prune": _prune,
    "trim-caches": _trim_caches,
    "workspaces": workspaces.look,
    "reserve": _reserve,
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
    "run": _run,
}
