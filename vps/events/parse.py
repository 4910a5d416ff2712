"""One line of a log to typed events. It never raises: newer CLIs add events and fields, and a log is an agent's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from vps.events import asked, fields
from vps.events import types as t
from vps.events.decode import decoded

_SYNTHETIC = "<synthetic>"

Parser = Callable[[t.Json], Iterable[t.Event]]


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
        value = decoded(line)
    except (ValueError, RecursionError):
        return (_malformed(line),)
    if not isinstance(value, dict):
        return (_malformed(line),)
    record = cast("dict[str, Any]", value)
    kind, subtype = fields.text(record, "type"), fields.text(record, "subtype")
    parser = _PARSERS.get((kind, subtype)) or _PARSERS.get((kind, ""))
    if parser is None:
        return (t.Unknown(kind, subtype or None),)
    return tuple(parser(record))


def _malformed(line: bytes) -> t.Malformed:
    return t.Malformed(line[:200].decode("utf-8", "replace"))


def _init(record: t.Json) -> Iterable[t.Event]:
    servers = tuple(
        (fields.text(server, "name"), fields.text(server, "status"))
        for server in map(fields.mapping, fields.items(record.get("mcp_servers")))
    )
    yield t.Init(
        session_id=fields.text(record, "session_id"),
        model=fields.text(record, "model"),
        permission_mode=fields.text(record, "permissionMode"),
        cwd=fields.text(record, "cwd"),
        cli_version=fields.text(record, "claude_code_version"),
        api_key_source=fields.text(record, "apiKeySource"),
        tools=fields.strings(record.get("tools")),
        mcp_servers=servers,
    )


def _assistant(record: t.Json) -> Iterable[t.Event]:
    message = fields.mapping(record.get("message"))
    parent = fields.text_or_none(record, "parent_tool_use_id")
    message_id = "" if message.get("model") == _SYNTHETIC else fields.text(message, "id")
    for block in map(fields.mapping, fields.items(message.get("content"))):
        kind = fields.text(block, "type")
        if kind == "text":
            yield t.Text(fields.text(block, "text"), message_id, fields.text_or_none(record, "error"), parent)
        elif kind in ("thinking", "redacted_thinking"):
            yield t.Thinking(fields.text(block, "thinking"), parent, message_id)
        elif kind == "tool_use":
            arguments = fields.mapping(block.get("input"))
            yield t.ToolUse(fields.text(block, "id"), fields.text(block, "name"), arguments, parent, message_id)
        else:
            yield t.Unknown("assistant", kind or None)


def _user(record: t.Json) -> Iterable[t.Event]:
    content = fields.mapping(record.get("message")).get("content")
    blocks = [fields.mapping(block) for block in fields.items(content)]
    results = [block for block in blocks if fields.text(block, "type") == "tool_result"]
    for block in results:
        yield t.ToolResult(
            tool_use_id=fields.text(block, "tool_use_id"),
            text=_content(block.get("content")),
            is_error=block.get("is_error") is True,
            detail=_detail(record.get("tool_use_result")),
            parent=fields.text_or_none(record, "parent_tool_use_id"),
        )
    if not results:
        replay, synthetic = record.get("isReplay") is True, record.get("isSynthetic") is True
        yield t.UserMessage(_content(content), fields.text(record, "uuid"), replay, synthetic)


def _detail(value: object) -> t.Json | str | None:
    if isinstance(value, str):
        return value
    return fields.mapping(value) or None


def _content(value: object) -> str:
    """A tool's or user's content: a string, or blocks of text and images."""
    if isinstance(value, str):
        return value
    blocks = map(fields.mapping, fields.items(value))
    return "\n".join(
        fields.text(block, "text") if fields.text(block, "type") == "text" else f"[{fields.text(block, 'type')}]"
        for block in blocks
    )


def _result(record: t.Json) -> Iterable[t.Event]:
    status = fields.number_or_none(record, "api_error_status")
    yield t.Result(
        subtype=fields.text(record, "subtype"),
        is_error=record.get("is_error") is not False,
        text=fields.text(record, "result"),
        errors=fields.strings(record.get("errors")),
        num_turns=int(fields.number(record, "num_turns")),
        duration_ms=int(fields.number(record, "duration_ms")),
        cost_usd=float(fields.number(record, "total_cost_usd")),
        usage=fields.mapping(record.get("usage")),
        api_error_status=int(status) if status is not None else None,
        stop_reason=fields.text_or_none(record, "stop_reason"),
        terminal_reason=fields.text_or_none(record, "terminal_reason"),
        denials=len(fields.items(record.get("permission_denials"))),
        session_id=fields.text(record, "session_id"),
        origin=fields.text_or_none(fields.mapping(record.get("origin")), "kind"),
    )


def _api_retry(record: t.Json) -> Iterable[t.Event]:
    status = fields.number_or_none(record, "error_status")
    yield t.ApiRetry(
        attempt=int(fields.number(record, "attempt")),
        max_retries=int(fields.number(record, "max_retries")),
        delay_ms=fields.number(record, "retry_delay_ms"),
        status=int(status) if status is not None else None,
        error=fields.text(record, "error"),
    )


def _rate_limit(record: t.Json) -> Iterable[t.Event]:
    info = fields.mapping(record.get("rate_limit_info"))
    yield t.RateLimit(
        fields.text(info, "status"),
        fields.number_or_none(info, "resetsAt"),
        fields.text_or_none(info, "rateLimitType"),
        fields.number_or_none(info, "utilization"),
    )


def _fallback(record: t.Json) -> Iterable[t.Event]:
    yield t.ModelFallback(
        fields.text(record, "original_model"), fields.text(record, "fallback_model"), fields.text(record, "content")
    )


def _refusal(record: t.Json) -> Iterable[t.Event]:
    category = fields.text_or_none(record, "api_refusal_category")
    yield t.Refusal(category, fields.text_or_none(record, "api_refusal_explanation"), fields.text(record, "content"))


def _task(record: t.Json) -> Iterable[t.Event]:
    patch = fields.mapping(record.get("patch"))
    yield t.Task(
        subtype=fields.text(record, "subtype").removeprefix("task_"),
        task_id=fields.text(record, "task_id"),
        description=fields.text(record, "description")
        or fields.text(record, "summary")
        or fields.text(patch, "description"),
        status=fields.text(record, "status") or fields.text(patch, "status"),
        tool_use_id=fields.text_or_none(record, "tool_use_id"),
        kind=fields.text(record, "task_type"),
    )


def _hook(record: t.Json) -> Iterable[t.Event]:
    yield t.Hook(
        subtype=fields.text(record, "subtype"),
        name=fields.text(record, "hook_name"),
        event=fields.text(record, "hook_event"),
        outcome=fields.text_or_none(record, "outcome"),
        output=fields.text(record, "output"),
    )


def _control_request(record: t.Json) -> Iterable[t.Event]:
    request = fields.mapping(record.get("request"))
    yield t.ControlRequest(fields.text(record, "request_id"), fields.text(request, "subtype"), request)


def _control_response(record: t.Json) -> Iterable[t.Event]:
    response = fields.mapping(record.get("response"))
    ok = fields.text(response, "subtype") == "success"
    yield t.ControlResponse(fields.text(response, "request_id"), ok, fields.text_or_none(response, "error"))


def _supervisor(record: t.Json) -> Iterable[t.Event]:
    code = fields.number_or_none(record, "exit_code")
    yield t.Supervisor(
        subtype=fields.text(record, "subtype"),
        at=float(fields.number(record, "at")),
        reason=fields.text_or_none(record, "reason"),
        exit_code=int(code) if code is not None else None,
        detail=fields.text(record, "detail"),
        changes=_changes(record.get("changes")),
    )


def _gateway(record: t.Json) -> Iterable[t.Event]:
    until = fields.number_or_none(record, "until")
    yield t.Gateway(
        subtype=fields.text(record, "subtype"),
        why=fields.text(record, "why"),
        text=fields.text(record, "text"),
        until=float(until) if until is not None else None,
        host=fields.text(record, "host"),
        inward=record.get("inward") is True,
    )


def _call(record: t.Json) -> t.Event:
    return t.AgentCall(
        id=fields.text(record, "id"),
        tool=fields.text(record, "tool"),
        at=float(fields.number(record, "at")),
        arguments=fields.mapping(record.get("arguments")),
        wrong=fields.text(record, "wrong"),
    )


def _called(record: t.Json) -> t.Event:
    child, thread = fields.text(record, "child"), fields.text(record, "thread")
    return t.AgentCalled(
        fields.text(record, "id"), fields.text(record, "tool"), record.get("ok") is True, child, thread
    )


def _edited(record: t.Json) -> t.Event:
    return t.Edited(
        fields.text(record, "id"), fields.text(record, "by"), is_late=fields.text(record, "subtype") == "kept"
    )


def _changes(value: object) -> t.Changes | None:
    if not isinstance(value, dict):
        return None
    record = fields.mapping(cast("object", value))
    counts = (int(fields.number(record, key)) for key in ("files", "insertions", "deletions"))
    return t.Changes(fields.text(record, "stat"), *counts)


def _one(make: Callable[[t.Json], t.Event]) -> Parser:
    return lambda record: (make(record),)


NOTICES = ("paused", "unpaused", "warned", "denied", "denied_more")

_PARSERS: dict[tuple[str, str], Parser] = {
    ("system", "init"): _init,
    ("system", "api_retry"): _api_retry,
    ("system", "model_fallback"): _fallback,
    ("system", "model_refusal_fallback"): _fallback,
    ("system", "model_refusal_no_fallback"): _refusal,
    ("system", "status"): _one(lambda record: t.Status(fields.text_or_none(record, "status"))),
    ("system", "thinking_tokens"): _one(
        lambda record: t.ThinkingTokens(int(fields.number(record, "estimated_tokens")))
    ),
    ("system", "session_state_changed"): _one(lambda record: t.SessionState(fields.text(record, "state"))),
    ("system", "compact_boundary"): _one(
        lambda record: t.Compacted(fields.text(fields.mapping(record.get("compact_metadata")), "trigger"))
    ),
    **dict.fromkeys([("system", f"task_{kind}") for kind in ("started", "progress", "updated", "notification")], _task),
    **dict.fromkeys([("system", f"hook_{kind}") for kind in ("started", "progress", "response")], _hook),
    ("assistant", ""): _assistant,
    ("user", ""): _user,
    ("result", ""): _result,
    ("rate_limit_event", ""): _rate_limit,
    ("stream_event", ""): _one(
        lambda record: t.Partial(fields.mapping(record.get("event")), fields.text_or_none(record, "parent_tool_use_id"))
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
    ("agentflow", "notify"): _one(lambda record: t.Notified(fields.text(record, "text"))),
    **dict.fromkeys([("agentflow", kind) for kind in NOTICES], _gateway),
}
