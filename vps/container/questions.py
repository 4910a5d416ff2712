"""What the agent asks of people: its CLI's requests become questions in the log, and the first answer to each goes back to it.

The CLI (2.1.197) waits for an answer for as long as it takes; who waits no longer than that is decided here, so that it works while
no control plane is there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, cast

_REQUEST, _CANCEL = b'{"type":"control_request"', b'{"type":"control_cancel_request"'
_OURS = b'{"type": "agentflow", "subtype": "'
_ASKED, _ENDED, _RESUMED = _OURS + b'question"', _OURS + b'answered"', _OURS + b'resumed"'
_IDLE = b'"subtype":"session_state_changed","state":"idle"'
_PLAN, _TEXT, _LABEL, _VALUE = 60_000, 4_000, 200, 2_000
"""Characters of a plan, a question, a label, and each text of what a permission is asked for: what is longer is cut in the log."""
_INPUT, _DEPTH, _MOST_OPTIONS = 100_000, 4, 25

NOBODY = (
    "Nobody answered in the time there was for it. Go on without an answer as well as you can, or end your turn and say what "
    "you need."
)
_NO = "The person who was asked does not want this."
_UNASKED = {"type": "setMode", "mode": "bypassPermissions", "destination": "session"}
"""What an approved plan may go on in. Without it that is the mode before the plan, `default` where there was none (measured)."""
_EDITS = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}


class _Request:
    """A request of the CLI's: one question, or one for each that its tool asks."""

    def __init__(self, request_id: str, asked: dict[str, Any]) -> None:
        self.id = request_id
        self.tool, self.input = str(asked.get("tool_name")), _mapping(asked.get("input"))
        self.suggested = [_mapping(each) for each in _list(asked.get("permission_suggestions"))]
        self.text = str(asked.get("decision_reason") or asked.get("description") or "")
        self._writes = bool(asked.get("blocked_path"))
        self.answers: dict[str, dict[str, Any]] = {}
        """By the questions' ids: what was answered, or nothing for one that expired."""

    def questions(self) -> dict[str, dict[str, Any]]:
        """The lines' fields by id."""
        key = hashlib.sha256(self.id.encode()).hexdigest()[:8]
        if self.tool == "AskUserQuestion":
            asked = [_mapping(each) for each in _list(self.input.get("questions"))]
            return {f"{key}-{number}" if number else key: _question(each) for number, each in enumerate(asked)}
        if self.tool == "ExitPlanMode":
            return {key: {"kind": "plan", "text": _text(self.input, "plan", _PLAN)}}
        rules = ", ".join(filter(None, map(_rule, self.lasting())))
        given = {"tool": self.tool, "input": _shown(self.input), "always": rules[:_TEXT]}
        return {key: {"kind": "permission", "text": self.text[:_TEXT], **given}}

    def lasting(self) -> list[dict[str, Any]]:
        """What a yes for good changes. It never goes to a file: that would be the repository's, or gone with the container.

        Where the CLI suggests rules, or a mode that covers more, the rules are enough. Where it suggests rules alone for a command
        that writes a file, they are not: it would ask again (measured).
        """
        modes = [each for each in self.suggested if each.get("type") == "setMode"]
        rules = [{**each, "destination": "session"} for each in self.suggested if each not in modes]
        return (
            ([*rules, _EDITS] if self._writes and not modes else rules)
            if rules
            else [_EDITS]
            if _EDITS in modes
            else []
        )

    def response(self) -> dict[str, Any]:
        """What the CLI is told once all is answered."""
        if any(not answer for answer in self.answers.values()):
            return {"behavior": "deny", "message": NOBODY}
        if self.tool == "AskUserQuestion":
            asked = [_mapping(each) for each in _list(self.input.get("questions"))]
            words = [_words(self.answers[id_]) for id_ in self.questions()]
            answers = {_text(each, "question", 1 << 20): said for each, said in zip(asked, words)}  # noqa: B905  as many
            return {"behavior": "allow", "updatedInput": {**self.input, "answers": answers}}
        (answer,) = self.answers.values()
        return self._verdict(str(answer.get("verdict")), str(answer.get("text") or ""))

    def _verdict(self, verdict: str, reason: str) -> dict[str, Any]:
        if verdict not in ("yes", "always"):
            return {"behavior": "deny", "message": f"{_NO} They said: {reason}" if reason else _NO}
        allowed: dict[str, Any] = {"behavior": "allow", "updatedInput": self.input}
        if verdict == "always":
            allowed["updatedPermissions"] = [_UNASKED] if self.tool == "ExitPlanMode" else self.lasting()
        return allowed


class Questions:
    """Those that are open. `give` sends the CLI something, `say` writes a line into the log; the CLI's own wait `wait_s`."""

    def __init__(self, give: Callable[[bytes], None], say: Callable[..., None], wait_s: float) -> None:
        self._give, self._say, self._wait_s = give, say, wait_s
        self._new: list[_Request] = []
        self._open: dict[str, tuple[_Request | None, float]] = {}
        """By id: the CLI's request, if it is one, and when it expires, in epoch seconds."""
        self._looked = time.monotonic()
        self._were_open = False

    @property
    def are_open(self) -> bool:
        """Whether somebody is being asked."""
        return bool(self._open)

    def note(self, line: bytes) -> None:
        """A line of the log."""
        if line.startswith((_REQUEST, _CANCEL, _ASKED)):
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                pass  # cut short by a full disk, or no line of the CLI's
        elif self._open and (
            (line.startswith(_RESUMED) and b'"replaced"' in line)
            or (line.startswith(b'{"type":"system"') and _IDLE in line)
        ):
            self._lose(lambda request: request is not None, "lost")
        elif self._open and line.startswith(_ENDED):
            self._open.pop(str(json.loads(line).get("id")), None)  # by whoever asked

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "agentflow":
            if event["id"] not in self._open and event.get("kind", "ask_user") == "ask_user":
                self._open[event["id"]] = None, float(event["expires_at"])
        elif event["type"] == "control_cancel_request":
            gone = event["request_id"]
            self._new = [each for each in self._new if each.id != gone]
            self._lose(lambda request: request is not None and request.id == gone, "withdrawn")
        elif event["request"]["subtype"] == "can_use_tool":
            self._new.append(_Request(event["request_id"], event["request"]))
        elif event["request"]["subtype"] != "mcp_message":  # see vps.container.inside
            # Unanswered it would wait for ever.
            self._respond({"subtype": "error", "request_id": event["request_id"], "error": "not supported here"})

    def step(self) -> tuple[bool, float]:
        """Ask what is new, and end what waited too long; whether there is a question now and was none or the other way round, and
        the seconds since the last step that went by with one."""
        new, self._new = self._new, []
        for request in new:
            self._ask(request)
        now = time.time()
        for id_ in [id_ for id_, (_, expires_at) in self._open.items() if expires_at <= now]:
            self._close(id_, {}, how="expired")
        changed, passed = self.are_open != self._were_open, time.monotonic() - self._looked
        took = passed if self._were_open else 0.0
        self._were_open, self._looked = self.are_open, self._looked + passed
        return changed, took

    def _ask(self, request: _Request) -> None:
        expires_at = round(time.time() + self._wait_s, 3)
        for id_, fields in request.questions().items():
            self._open[id_] = request, expires_at
            self._say("question", id=id_, expires_at=expires_at, **fields)
        if not any(asked is request for asked, _ in self._open.values()):
            self._allow({"behavior": "deny", "message": "There is no question in it."}, request)

    def obey(self, order: dict[str, Any]) -> None:
        """An order of the host's: an answer to a question that is open; another one to the same counts for nothing."""
        if order.get("op") == "answer" and order.get("id") in self._open:
            answer = _mapping(order.get("answer"))
            told = {key: order.get(key, "") for key in ("by", "by_name", "call")}
            self._close(str(order["id"]), answer or {"text": ""}, how="answered", answer=answer, **told)

    def _close(self, id_: str, given: dict[str, Any], **told: object) -> None:
        request, _ = self._open.pop(id_)
        self._say("answered", id=id_, **told)
        if request is not None:
            request.answers[id_] = given
            if not any(asked is request for asked, _ in self._open.values()):
                self._allow(request.response(), request)

    def _lose(self, which: Callable[[_Request | None], bool], how: str) -> None:
        for id_ in [id_ for id_, (request, _) in self._open.items() if which(request)]:
            del self._open[id_]
            self._say("answered", id=id_, how=how)

    def _allow(self, response: dict[str, Any], request: _Request) -> None:
        self._respond({"subtype": "success", "request_id": request.id, "response": response})

    def _respond(self, response: dict[str, Any]) -> None:
        self._give(json.dumps({"type": "control_response", "response": response}).encode() + b"\n")


def _question(asked: dict[str, Any]) -> dict[str, Any]:
    options = [_mapping(each) for each in _list(asked.get("options"))][:_MOST_OPTIONS]
    return {
        "kind": "question",
        "text": _text(asked, "question", _TEXT),
        "header": _text(asked, "header", _LABEL),
        "options": [
            {"label": _text(each, "label", _LABEL), "description": _text(each, "description", _VALUE)}
            for each in options
        ],
        "several": asked.get("multiSelect") is True,
    }


def _words(answer: dict[str, Any]) -> str:
    """The CLI takes several labels as one text, by comma."""
    return ", ".join(filter(None, [*map(str, _list(answer.get("choices"))), str(answer.get("text") or "")]))


def _rule(suggested: dict[str, Any]) -> str:
    if suggested.get("type") == "setMode":
        return "edits of files"
    if suggested.get("type") == "addDirectories":
        return ", ".join(f"{each}/" for each in _list(suggested.get("directories")))
    rules = [_mapping(each) for each in _list(suggested.get("rules"))]
    named = ((_text(each, "toolName", _LABEL), _text(each, "ruleContent", _VALUE)) for each in rules)
    return ", ".join(f"{tool}({content})" if content else tool for tool, content in named)


def _shown(given: dict[str, Any]) -> dict[str, Any]:
    """What a permission is asked for, as far as people need it."""
    cut = {str(key)[:_LABEL]: _cut(each, _DEPTH) for key, each in list(given.items())[:_MOST_OPTIONS]}
    whole = len(json.dumps(cut)) <= _INPUT
    return cut if whole else {key: each for key, each in cut.items() if isinstance(each, str)}


def _cut(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _VALUE else value[:_VALUE] + "…"
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        return {key[:_LABEL]: _cut(each, depth - 1) for key, each in _mapping(value).items()}
    return [_cut(each, depth - 1) for each in _list(value)] if isinstance(value, list) else value


def _text(source: dict[str, Any], name: str, most: int) -> str:
    value = source.get(name)
    return value[:most] if isinstance(value, str) else ""


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
