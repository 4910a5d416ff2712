"""One line of a log to typed events. It never raises: newer CLIs add events and fields, and a log is an agent's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from vps.events import asked
from vps.events import types as t

_HUGE = 1e15
_DEPTH = 100
"""Levels of nesting; the captured lines have 9 at most. Whoever walks a value recursively must not run out of stack."""
_SYNTHETIC = "<synthetic>"

Record = Mapping[str, Any]
Parser = Callable[[Record], Iterable[t.Event]]


def parse(start: int, end: int, line: bytes) -> t.Line:
    """The events of one framed line."""
    return t.Line(start, end, parse_line(line))


def parse_line(line: bytes) -> tuple[t.Event, ...]:
    """Mostly one event; `Unknown` for a type that is not known here, `Malformed` for what is no JSON object.

    A blank line has no event.
    """
    if not line.strip():
        return ()
    try:
        value = _loads(line)
    except (ValueError, RecursionError):
        return (_malformed(line),)
    if not isinstance(value, dict):
        return (_malformed(line),)
    record = cast("dict[str, Any]", value)
    kind, subtype = _text(record, "type"), _text(record, "subtype")
    parser = _PARSERS.get((kind, subtype)) or _PARSERS.get((kind, ""))
    if parser is None:
        return (t.Unknown(kind, subtype or None),)
    return tuple(parser(record))


def _loads(line: bytes) -> object:
    value = json.loads(line)
    if line.count(b"[") + line.count(b"{") > _DEPTH and _is_deep(value):
        raise ValueError("nested too deep")
    return _repaired(value) if b"\\ud" in line or b"\\uD" in line else value


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    return any(isinstance(inner, dict | list) for inner in level)


def _inside(value: object) -> Iterable[object]:
    return cast("dict[str, object]", value).values() if isinstance(value, dict) else _list(value)


def _repaired(value: object) -> object:
    r"""Without lone surrogates, which JSON allows and UTF-8 cannot encode.

    The CLI cuts a long output between the halves of a character and writes the one that is left as "\ud83d" (measured).
    """
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in cast("dict[str, object]", value).items()}
    return [_repaired(item) for item in _list(cast("object", value))] if isinstance(value, list) else value


def _malformed(line: bytes) -> t.Malformed:
    return t.Malformed(line[:200].decode("utf-8", "replace"))


def _text(record: Record, key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _text_or_none(record: Record, key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) else None


def _number(record: Record, key: str) -> float:
    return _number_or_none(record, key) or 0


def _number_or_none(record: Record, key: str) -> float | None:
    """A finite number of a size that a float can hold; an agent may write NaN, Infinity or 400 digits."""
    value = record.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if -_HUGE < value < _HUGE else None


def _record(value: object) -> Record:
    return cast("Record", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _strings(value: object) -> tuple[str, ...]:
    return tuple(item for item in _list(value) if isinstance(item, str))


def _init(record: Record) -> Iterable[t.Event]:
    servers = tuple(
        (_text(server, "name"), _text(server, "status")) for server in map(_record, _list(record.get("mcp_servers")))
    )
    yield t.Init(
        session_id=_text(record, "session_id"),
        model=_text(record, "model"),
        permission_mode=_text(record, "permissionMode"),
        cwd=_text(record, "cwd"),
        cli_version=_text(record, "claude_code_version"),
        api_key_source=_text(record, "apiKeySource"),
        tools=_strings(record.get("tools")),
        mcp_servers=servers,
    )


def _assistant(record: Record) -> Iterable[t.Event]:
    message = _record(record.get("message"))
    parent = _text_or_none(record, "parent_tool_use_id")
    message_id = "" if message.get("model") == _SYNTHETIC else _text(message, "id")
    for block in map(_record, _list(message.get("content"))):
        kind = _text(block, "type")
        if kind == "text":
            yield t.Text(_text(block, "text"), message_id, _text_or_none(record, "error"), parent)
        elif kind in ("thinking", "redacted_thinking"):
            yield t.Thinking(_text(block, "thinking"), parent, message_id)
        elif kind == "tool_use":
            arguments = _record(block.get("input"))
            yield t.ToolUse(_text(block, "id"), _text(block, "name"), arguments, parent, message_id)
        else:
            yield t.Unknown("assistant", kind or None)


def _user(record: Record) -> Iterable[t.Event]:
    content = _record(record.get("message")).get("content")
    blocks = [_record(block) for block in _list(content)]
    results = [block for block in blocks if _text(block, "type") == "tool_result"]
    for block in results:
        yield t.ToolResult(
            tool_use_id=_text(block, "tool_use_id"),
            text=_content(block.get("content")),
            is_error=block.get("is_error") is True,
            detail=_detail(record.get("tool_use_result")),
            parent=_text_or_none(record, "parent_tool_use_id"),
        )
    if not results:
        replay, synthetic = record.get("isReplay") is True, record.get("isSynthetic") is True
        yield t.UserMessage(_content(content), _text(record, "uuid"), replay, synthetic)


def _detail(value: object) -> Record | str | None:
    if isinstance(value, str):
        return value
    return _record(value) or None


def _content(value: object) -> str:
    """A tool's or user's content: a string, or blocks of text and images."""
    if isinstance(value, str):
        return value
    blocks = map(_record, _list(value))
    return "\n".join(
        _text(block, "text") if _text(block, "type") == "text" else f"[{_text(block, 'type')}]" for block in blocks
    )


def _result(record: Record) -> Iterable[t.Event]:
    status = _number_or_none(record, "api_error_status")
    yield t.Result(
        subtype=_text(record, "subtype"),
        is_error=record.get("is_error") is not False,
        text=_text(record, "result"),
        errors=_strings(record.get("errors")),
        num_turns=int(_number(record, "num_turns")),
        duration_ms=int(_number(record, "duration_ms")),
        cost_usd=float(_number(record, "total_cost_usd")),
        usage=_record(record.get("usage")),
        api_error_status=int(status) if status is not None else None,
        stop_reason=_text_or_none(record, "stop_reason"),
        terminal_reason=_text_or_none(record, "terminal_reason"),
        denials=len(_list(record.get("permission_denials"))),
        session_id=_text(record, "session_id"),
        origin=_text_or_none(_record(record.get("origin")), "kind"),
    )


def _api_retry(record: Record) -> Iterable[t.Event]:
    status = _number_or_none(record, "error_status")
    yield t.ApiRetry(
        attempt=int(_number(record, "attempt")),
        max_retries=int(_number(record, "max_retries")),
        delay_ms=_number(record, "retry_delay_ms"),
        status=int(status) if status is not None else None,
        error=_text(record, "error"),
    )


def _rate_limit(record: Record) -> Iterable[t.Event]:
    info = _record(record.get("rate_limit_info"))
    yield t.RateLimit(
        _text(info, "status"),
        _number_or_none(info, "resetsAt"),
        _text_or_none(info, "rateLimitType"),
        _number_or_none(info, "utilization"),
    )


def _fallback(record: Record) -> Iterable[t.Event]:
    yield t.ModelFallback(_text(record, "original_model"), _text(record, "fallback_model"), _text(record, "content"))


def _refusal(record: Record) -> Iterable[t.Event]:
    category = _text_or_none(record, "api_refusal_category")
    yield t.Refusal(category, _text_or_none(record, "api_refusal_explanation"), _text(record, "content"))


def _task(record: Record) -> Iterable[t.Event]:
    patch = _record(record.get("patch"))
    yield t.Task(
        subtype=_text(record, "subtype").removeprefix("task_"),
        task_id=_text(record, "task_id"),
        description=_text(record, "description") or _text(record, "summary") or _text(patch, "description"),
        status=_text(record, "status") or _text(patch, "status"),
        tool_use_id=_text_or_none(record, "tool_use_id"),
        kind=_text(record, "task_type"),
    )


def _hook(record: Record) -> Iterable[t.Event]:
    yield t.Hook(
        subtype=_text(record, "subtype"),
        name=_text(record, "hook_name"),
        event=_text(record, "hook_event"),
        outcome=_text_or_none(record, "outcome"),
        output=_text(record, "output"),
    )


def _control_request(record: Record) -> Iterable[t.Event]:
    request = _record(record.get("request"))
    yield t.ControlRequest(_text(record, "request_id"), _text(request, "subtype"), request)


def _control_response(record: Record) -> Iterable[t.Event]:
    response = _record(record.get("response"))
    ok = _text(response, "subtype") == "success"
    yield t.ControlResponse(_text(response, "request_id"), ok, _text_or_none(response, "error"))


def _supervisor(record: Record) -> Iterable[t.Event]:
    code = _number_or_none(record, "exit_code")
    yield t.Supervisor(
        subtype=_text(record, "subtype"),
        at=float(_number(record, "at")),
        reason=_text_or_none(record, "reason"),
        exit_code=int(code) if code is not None else None,
        detail=_text(record, "detail"),
        changes=_changes(record.get("changes")),
    )


def _gateway(record: Record) -> Iterable[t.Event]:
    until = _number_or_none(record, "until")
    yield t.Gateway(
        subtype=_text(record, "subtype"),
        why=_text(record, "why"),
        text=_text(record, "text"),
        until=float(until) if until is not None else None,
        host=_text(record, "host"),
        inward=record.get("inward") is True,
    )


def _call(record: Record) -> t.Event:
    return t.AgentCall(
        id=_text(record, "id"),
        tool=_text(record, "tool"),
        at=float(_number(record, "at")),
        arguments=_record(record.get("arguments")),
        wrong=_text(record, "wrong"),
    )


def _called(record: Record) -> t.Event:
    child, thread = _text(record, "child"), _text(record, "thread")
    return t.AgentCalled(_text(record, "id"), _text(record, "tool"), record.get("ok") is True, child, thread)


def _edited(record: Record) -> t.Event:
    return t.Edited(_text(record, "id"), _text(record, "by"), is_late=_text(record, "subtype") == "kept")


def _changes(value: object) -> t.Changes | None:
    if not isinstance(value, dict):
        return None
    record = _record(cast("object", value))
    counts = (int(_number(record, key)) for key in ("files", "insertions", "deletions"))
    return t.Changes(_text(record, "stat"), *counts)


def _one(make: Callable[[Record], t.Event]) -> Parser:
    return lambda record: (make(record),)


NOTICES = ("paused", "unpaused", "warned", "denied", "denied_more")

_PARSERS: dict[tuple[str, str], Parser] = {
    ("system", "init"): _init,
    ("system", "api_retry"): _api_retry,
    ("system", "model_fallback"): _fallback,
    ("system", "model_refusal_fallback"): _fallback,
    ("system", "model_refusal_no_fallback"): _refusal,
    ("system", "status"): _one(lambda record: t.Status(_text_or_none(record, "status"))),
    ("system", "thinking_tokens"): _one(lambda record: t.ThinkingTokens(int(_number(record, "estimated_tokens")))),
    ("system", "session_state_changed"): _one(lambda record: t.SessionState(_text(record, "state"))),
    ("system", "compact_boundary"): _one(
        lambda record: t.Compacted(_text(_record(record.get("compact_metadata")), "trigger"))
    ),
    **dict.fromkeys([("system", f"task_{kind}") for kind in ("started", "progress", "updated", "notification")], _task),
    **dict.fromkeys([("system", f"hook_{kind}") for kind in ("started", "progress", "response")], _hook),
    ("assistant", ""): _assistant,
    ("user", ""): _user,
    ("result", ""): _result,
    ("rate_limit_event", ""): _rate_limit,
    ("stream_event", ""): _one(
        lambda record: t.Partial(_record(record.get("event")), _text_or_none(record, "parent_tool_use_id"))
    ),
    ("control_request", ""): _control_request,
    ("control_response", ""): _control_response,
    ("agentflow", ""): _supervisor,
    ("agentflow", "question"): asked.question,
    ("agentflow", "answered"): asked.answered,
    ("agentflow", "withdrawn"): _one(_edited),
    ("agentflow", "kept"): _one(_edited),
    ("agentflow", "call"): _one(_call),
    ("agentflow", "called"): _one(_called),
    ("agentflow", "notify"): _one(lambda record: t.Notified(_text(record, "text"))),
    **dict.fromkeys([("agentflow", kind) for kind in NOTICES], _gateway),
}
