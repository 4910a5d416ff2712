"""What the agent asks of us: calls of the MCP server that every agent has, some for the control plane to carry out.

The server is this process: the CLI asks it over its own stdin and stdout, as programs that embed it do (a server of type `sdk`;
measured with 2.1.197). What the CLI writes is the run's log, so nothing in a call tells who calls, and no program of the agent's
can make one. The result of what the control plane does comes back through the inbox, whenever somebody is there again to send it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from vps.container import toolbox
from vps.container.asking import Asking

LIMITS = {"ask_s": 1800, "ask_tries": 3, "notices": 5, "notice_s": 60}
"""`ask_s` and `ask_tries`: see `Asking`. `notices` may be told at once, and one more after every `notice_s` seconds."""
MOST_OPEN = 16
LONGEST = 1 << 18
"""Bytes of one call."""
_ASKS = b'"subtype":"mcp_message"'
_REQUEST, _CANCEL = b'{"type":"control_request"', b'{"type":"control_cancel_request"'
_OURS = b'{"type": "agentflow", "subtype": "'
_ANSWERED, _RESUMED = _OURS + b'answered"', _OURS + b'resumed"'
_IDLE = b'"subtype":"session_state_changed","state":"idle"'
_PROTOCOL = "2025-06-18"
_UNKNOWN_METHOD = -32601
_ENDING = "This run is being stopped: nothing more is done for it."
_LONGEST_NAME = 100


class _Wrong(Exception):
    """Arguments that the tool does not take."""


class Call:
    """One that is open: `number` is what the CLI calls it. `asking` is the question of one that asks a person; one that `is_sent`
    the control plane carries out."""

    def __init__(self, tool: str, number: object) -> None:
        self.id = os.urandom(6).hex()
        self.tool, self.number = tool, number
        self.asking: Asking | None = None
        self.is_sent = False


class Inside:
    """All calls of one run. `say` writes a line into the log, `give` sends the CLI something."""

    def __init__(
        self, say: Callable[..., None], give: Callable[[bytes], None], limits: dict[str, Any] | None = None
    ) -> None:
        self._limits, self._say, self._give = {**LIMITS, **(limits or {})}, say, give
        self._new: list[tuple[dict[str, Any], int]] = []
        self._open: dict[str, Call] = {}
        """By the id of the CLI's request."""
        self._told: list[float] = []
        self._over = False

    @property
    def holds(self) -> bool:
        """Whether the agent waits for us or for a person."""
        return bool(self._open)

    def note(self, line: bytes) -> None:
        """A line of the log."""
        if (line.startswith(_REQUEST) and _ASKS in line) or (self._open and line.startswith((_CANCEL, _ANSWERED))):
            self._read(line)
        elif self._open and (_IDLE in line or (line.startswith(_RESUMED) and b'"replaced"' in line)):
            for each in list(self._open):
                self._withdraw(each)

    def _read(self, line: bytes) -> None:
        try:
            event: dict[str, Any] = json.loads(line)
            if event["type"] == "agentflow":
                for call in self._open.values():
                    if call.asking:
                        call.asking.note(event)
            elif event["type"] == "control_cancel_request":
                self._withdraw(event["request_id"])
            elif event["request"]["subtype"] == "mcp_message":
                self._new.append((event, len(line)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass  # cut short by a full disk, or no line of the CLI's

    def step(self) -> None:
        """Take what came, and see what has ended."""
        new, self._new = self._new, []
        for event, size in new:
            self._take(event["request_id"], event["request"], size)
        for key, call in list(self._open.items()):
            if call.asking and (call.asking.failed or call.asking.answer is not None):
                failed = call.asking.failed
                self._answer(key, call.asking.failure if failed else call.asking.answer or "(nothing)", ok=not failed)

    def _take(self, key: str, request: dict[str, Any], size: int) -> None:
        message: dict[str, Any] = request.get("message") or {}
        method, number = message.get("method"), message.get("id")
        params: dict[str, Any] = message.get("params") or {}
        found = {} if number is None else _own(method, params)
        if request.get("server_name") != toolbox.SERVER:
            self._respond(key, number, error={"code": _UNKNOWN_METHOD, "message": "There is no such server."})
        elif method == "tools/call":
            self._call(key, number, params, size)
        elif method == "notifications/cancelled":
            for each in [each for each, call in self._open.items() if call.number == params.get("requestId")]:
                self._withdraw(each)
            self._respond(key, number, result={})
        elif found is not None:
            self._respond(key, number, result=found)
        else:
            self._respond(key, number, error={"code": _UNKNOWN_METHOD, "message": f"There is no {method} here."})

    def _call(self, key: str, number: object, params: dict[str, Any], size: int) -> None:
        if self._over or len(self._open) >= MOST_OPEN:
            why = _ENDING if self._over else f"{MOST_OPEN} calls are open. Wait for their answers."
            self._respond(key, number, result=_content(why, ok=False))
            return
        call = self._open[key] = Call(str(params.get("name"))[:_LONGEST_NAME], number)
        try:
            arguments = _arguments(params, size)
            if call.tool == toolbox.NOTIFY["name"]:
                self._notify(key, arguments)
            elif call.tool == toolbox.ASK["name"]:
                call.asking = Asking(*_question(arguments), self._limits, self._say)
            else:
                self._send(call, arguments=arguments)
        except _Wrong as wrong:
            # The control plane refuses it: it keeps the record of who tried what.
            self._send(call, arguments={}, wrong=str(wrong))

    def _send(self, call: Call, **what: Any) -> None:
        call.is_sent = True
        self._say("call", id=call.id, tool=call.tool, **what)

    def _notify(self, key: str, arguments: dict[str, Any]) -> None:
        text = _text(arguments, "message")
        _nothing_else(arguments, "message")
        now, spare_s = time.monotonic(), float(self._limits["notice_s"])
        most = int(self._limits["notices"])
        # Each one counts until it is made up for.
        self._told = [at for at in self._told if at > now]
        if len(self._told) >= most:
            wait = self._told[0] - now
            self._answer(
                key, f"Not told: that is too often. The next one in {wait:.0f} s; say it at the end instead.", ok=False
            )
            return
        self._told.append(max([now, *self._told]) + spare_s)
        self._say("notify", text=text)
        self._answer(key, "Told.", ok=True)

    def obey(self, order: dict[str, Any]) -> None:
        """A result that came through the inbox; one that nobody waits for any more changes nothing."""
        for key, call in list(self._open.items()):
            if order.get("op") == "result" and order.get("id") == call.id:
                result: dict[str, Any] = order.get("result") or {}
                told = {name: result[name] for name in ("child", "thread") if name in result}
                self._answer(key, str(result.get("text", "")), ok=bool(result.get("ok")), **told)

    def close(self) -> None:
        """The run is being stopped."""
        self._over = True
        for key in list(self._open):
            self._withdraw(key, _ENDING)

    def _withdraw(self, key: str, why: str = "Withdrawn.") -> None:
        call = self._open.get(key)
        if call is not None:
            if call.asking:
                call.asking.withdraw()
            self._answer(key, why, ok=False)

    def _answer(self, key: str, text: str, *, ok: bool, **told: Any) -> None:
        call = self._open.pop(key)
        if call.is_sent:
            self._say("called", id=call.id, tool=call.tool, ok=ok, **told)
        self._respond(key, call.number, result=_content(text, ok=ok))

    def _respond(self, key: str, number: object, **what: Any) -> None:
        told = {"mcp_response": {"jsonrpc": "2.0", "id": number, **what}}
        response = {"subtype": "success", "request_id": key, "response": told}
        self._give(json.dumps({"type": "control_response", "response": response}).encode() + b"\n")


def _content(text: str, *, ok: bool) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": not ok}


def _own(method: object, params: dict[str, Any]) -> dict[str, Any] | None:
    """What is answered at once."""
    if method == "initialize":
        return {
            "protocolVersion": params.get("protocolVersion", _PROTOCOL),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": toolbox.SERVER, "version": "1"},
        }
    answers: dict[object, dict[str, Any]] = {"tools/list": {"tools": toolbox.TOOLS}, "ping": {}}
    return answers.get(method)


def _arguments(params: dict[str, Any], size: int) -> dict[str, Any]:
    if size > LONGEST:
        raise _Wrong(f"The call is too large: {size} bytes. Put what is long into a file and name that.")
    arguments: dict[str, Any] = params.get("arguments") or {}
    return arguments


def _question(arguments: dict[str, Any]) -> tuple[str, list[str]]:
    text = _text(arguments, "question")
    _nothing_else(arguments, "question", "options")
    options: list[Any] = arguments.get("options") or []
    is_list = isinstance(options, list) and len(options) <= toolbox.MOST_OPTIONS  # pyright: ignore[reportUnnecessaryIsInstance]  JSON
    if not is_list or not all(
        isinstance(each, str) and 0 < len(each.strip()) <= toolbox.LONGEST_OPTION for each in options
    ):
        most = f"at most {toolbox.MOST_OPTIONS} texts of at most {toolbox.LONGEST_OPTION} characters"
        raise _Wrong(f"options: takes {most}. Put the rest into the question.")
    return text, list(dict.fromkeys(options))


def _text(arguments: dict[str, Any], name: str) -> str:
    text = arguments.get(name)
    if not isinstance(text, str) or not text.strip():
        raise _Wrong(f"{name}: is required. Give a text.")
    if len(text) > toolbox.LONGEST_MESSAGE:
        raise _Wrong(f"{name}: has {len(text)} characters of at most {toolbox.LONGEST_MESSAGE}. Say it shorter.")
    return text


def _nothing_else(arguments: dict[str, Any], *names: str) -> None:
    if odd := [name for name in arguments if name not in names]:
        raise _Wrong(f"{odd[0][:60]}: is not an option. The options are {', '.join(names)}.")
