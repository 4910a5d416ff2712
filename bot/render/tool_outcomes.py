"""How a tool's call went, in a few words."""

from __future__ import annotations

from collections.abc import Callable

from vps.events.types import Json, ToolResult

from . import fields
from .text import count, duration, inline_code, plain, shorten

OUTCOME = 64
"""Most characters that say how it went."""
_END = 4000


def outcome(name: str, result: ToolResult) -> str:
    """The outcome of a successful call; empty if there is nothing to say."""
    return shorten(_OUTCOMES.get(name, _last_line)(fields.mapping(result.detail), result.text), OUTCOME)


def _last_line(_: Json, text: str) -> str:
    """The end of an output says how it went: the test summary, the commit."""
    lines = [line.strip() for line in plain(text[-_END:]).split("\n") if line.strip()]
    return inline_code(lines[-1], OUTCOME) if lines else ""


def _bash(detail: Json, text: str) -> str:
    return _last_line(detail, fields.text(detail, "stdout", "stderr") if detail else text)


def _read(detail: Json, _: str) -> str:
    file = fields.mapping(detail.get("file"))
    shown, total, start = (fields.integer(file, name) for name in ("numLines", "totalLines", "startLine"))
    if shown is None:
        return fields.text(detail, "type").replace("_", " ")[:OUTCOME]
    first = start or 1
    return count(shown, "line") if total in (None, shown) else f"lines {first}–{first + shown - 1} of {total}"


def _found(detail: Json, text: str) -> str:
    files, lines = fields.integer(detail, "numFiles"), fields.integer(detail, "numLines")
    if lines:
        return count(lines, "line")
    if files is not None:
        return count(files, "file")
    return count(sum(bool(line.strip()) for line in text.split("\n")), "line")


def _fetched(detail: Json, _: str) -> str:
    code, size = fields.integer(detail, "code"), fields.integer(detail, "bytes")
    return " · ".join(part for part in (str(code or ""), f"{size / 1024:.0f} KB" if size else "") if part)


def _agent_done(detail: Json, _: str) -> str:
    tools, took = fields.integer(detail, "totalToolUseCount"), fields.integer(detail, "totalDurationMs")
    parts = (count(tools, "tool use") if tools is not None else "", duration(took) if took is not None else "")
    return " · ".join(part for part in parts if part)


def _answers(detail: Json, _: str) -> str:
    answers = [str(answer) for answer in fields.mapping(detail.get("answers")).values()]
    return inline_code(", ".join(answers), OUTCOME) if answers else ""


def _nothing(_: Json, __: str) -> str:
    return ""


_OUTCOMES: dict[str, Callable[[Json, str], str]] = {
    "Bash": _bash,
    "Read": _read,
    "Grep": _found,
    "Glob": _found,
    "WebFetch": _fetched,
    "WebSearch": _nothing,
    "Agent": _agent_done,
    "Task": _agent_done,
    "AskUserQuestion": _answers,
    **dict.fromkeys(("Skill", "NotebookEdit", "StructuredOutput"), _nothing),
}
