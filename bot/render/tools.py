"""One line per tool use: what, on what, outcome; with a diff or the end of a failure's output below it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from vps.events.types import Json, ToolResult, ToolUse

from . import diff, fields
from .blocks import Attachment, attachment
from .text import count, duration, fence, inline_code, plain, printable, shorten, width

SUBJECT = 150
"""Most characters that say what a tool does and on what."""
OUTCOME = 70
"""Most characters that say how it went."""
DIFF_LINES, DIFF_CHARS = 20, 900
"""A longer diff becomes a file."""
TAIL_LINES, TAIL_CHARS = 8, 400
"""How much of a failure's output is shown."""
OUTPUT_CHARS = 1500
"""A failure's output that is longer is attached whole."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_EXIT = re.compile(r"Exit code (\d+)\n?")
_WRAPPER = re.compile(r"</?tool_use_error>")
_REJECTED = ("The user doesn't want to proceed", "User rejected tool use", "[Request interrupted")


class State(StrEnum):
    """How far a tool use is; the value is its sign."""

    OPEN = "⏳"
    OK = "✅"
    FAILED = "❌"
    STOPPED = "⏹️"


@dataclass(frozen=True, slots=True)
class Detail:
    """What is shown below a line: `excerpt` in a code block if it fits, else `file`; with `attach`, the file in any case."""

    excerpt: str
    language: str
    file: Attachment
    attach: bool = False

    @property
    def block(self) -> str:
        """The excerpt as a code block; empty if there is none."""
        return fence(self.excerpt, self.language) if self.excerpt else ""


@dataclass(frozen=True, slots=True)
class ToolLine:
    """A tool use as it is shown: `text` is at most SUBJECT + OUTCOME + 6 characters. `reserve` is what its end may still add."""

    state: State
    subject: str
    outcome: str = ""
    detail: Detail | None = None
    reserve: int = 0

    @property
    def text(self) -> str:
        """The line itself."""
        return f"{self.state} {self.subject}" + (f" · {self.outcome}" if self.outcome else "")


def opened(use: ToolUse, workspace: str) -> ToolLine:
    """The line of a tool that has begun."""
    return ToolLine(State.OPEN, subject(use, workspace), reserve=OUTCOME + 3 + _diff_reserve(use))


def finished(use: ToolUse, result: ToolResult, workspace: str) -> ToolLine:
    """The line of a tool that has ended, or has gone to the background (then it stays open)."""
    line = ToolLine(State.OK, subject(use, workspace))
    if result.is_error:
        return _failed(line, use, result)
    detail = fields.mapping(result.detail)
    if in_background(result):
        return replace(line, state=State.OPEN, outcome="in background", reserve=OUTCOME)
    if use.name in _EDITS:
        return _edited(line, use, diff.of(detail))
    outcome = _OUTCOMES.get(use.name, _last_line)(detail, result.text)
    return replace(line, outcome=outcome)


def ended(line: ToolLine, state: State, outcome: str) -> ToolLine:
    """A line that ends without a result of its own."""
    return replace(line, state=state, outcome=outcome, reserve=0)


def in_background(result: ToolResult) -> bool:
    """Whether the tool goes on after this result."""
    detail = fields.mapping(result.detail)
    return bool(fields.text(detail, "backgroundTaskId")) or detail.get("status") == "async_launched"


def subject(use: ToolUse, workspace: str) -> str:
    """What a tool does and on what, at most SUBJECT characters: **Edit** `calc.py`."""
    name = _name(use.name)
    room = SUBJECT - width(name) - 1
    what = _SUBJECTS.get(use.name, _any_field)(use.input)
    if use.name in _PATHS:
        what = relative(what, workspace)
        # The end of a path says more than its beginning.
        what = what if width(what) <= room - 8 else "…" + what[-(room // 2) :]
    return f"{name} {inline_code(what, room)}" if what.strip() else name


def relative(path: str, workspace: str) -> str:
    """The path as seen from the workspace; others stay absolute."""
    root = workspace.rstrip("/")
    return path.removeprefix(root + "/") if path != root else "."


def _name(name: str) -> str:
    if name.startswith("mcp__"):
        server, _, tool = name.removeprefix("mcp__").partition("__")
        return f"**{_word(server)} · {_word(tool)}**"
    return f"**{_word(_NAMES.get(name, name))}**"


def _word(name: str) -> str:
    """A name without anything that Discord would read as markup."""
    name = name.replace("_", "-")
    return name if _NAME.fullmatch(name) else shorten(re.sub(r"[^\w .-]", "", plain(name)).strip(), 40) or "?"


def _failed(line: ToolLine, use: ToolUse, result: ToolResult) -> ToolLine:
    if result.text.startswith(_REJECTED):
        return ended(line, State.STOPPED, "stopped")
    output = _WRAPPER.sub("", printable(result.text)).strip()
    code = _EXIT.match(output)
    outcome = f"exit {code[1]}" if code else ""
    output = output[code.end() :].strip("\n") if code else output.removeprefix("Error: ")
    line = replace(line, state=State.FAILED, outcome=outcome)
    if not code and "\n" not in output and width(output) <= OUTCOME - 4:
        return replace(line, outcome=inline_code(output, OUTCOME) if output else "failed")
    return replace(line, outcome=outcome or "failed", detail=_output(use, output) if output else None)


def _output(use: ToolUse, output: str) -> Detail:
    tail = plain("\n".join(line for line in output.split("\n") if line.strip()))
    tail = "\n".join(shorten(line, 160) for line in tail.split("\n")[-TAIL_LINES:])
    name = f"{_word(use.name).lower()}-output.txt"
    return Detail(_last(tail, TAIL_CHARS), "", attachment(name, output), attach=len(output) > OUTPUT_CHARS)


def _last(text: str, limit: int) -> str:
    """The last whole lines within `limit`."""
    while width(text) > limit:
        _, newline, rest = text.partition("\n")
        text = rest if newline else shorten(text, limit)
    return text


def _edited(line: ToolLine, use: ToolUse, change: diff.Diff) -> ToolLine:
    name = PurePosixPath(_path(use.input)).name or "edit"
    outcome = f"new, {count(change.added, 'line')}" if change.created else f"+{change.added} −{change.removed}"
    if not change.lines:
        return replace(line, outcome="new, empty" if change.created else "")
    text = printable(change.text)
    short = len(change.lines) <= DIFF_LINES and len(text) <= DIFF_CHARS
    detail = Detail(plain(text) if short else "", "diff", attachment(f"{_file_name(name)}.diff", text), attach=not short)
    return replace(line, outcome=outcome, detail=detail)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", printable(name))[-80:] or "edit"


def _diff_reserve(use: ToolUse) -> int:
    """An estimate of the diff to come; wrong ones cost a file instead of a code block, never the limit."""
    if use.name not in _EDITS:
        return 0
    changed = [fields.text(use.input, name) for name in ("old_string", "new_string", "content")]
    lines, chars = sum(part.count("\n") + 1 for part in changed if part), sum(map(len, changed))
    return 0 if lines > DIFF_LINES or chars > DIFF_CHARS else min(DIFF_CHARS, chars + 2 * lines + 200) + 12


def _path(arguments: Json) -> str:
    return fields.text(arguments, "file_path", "notebook_path", "path")


def _one(*names: str) -> Callable[[Json], str]:
    return lambda arguments: fields.text(arguments, *names)


def _command(arguments: Json) -> str:
    first, newline, _ = printable(fields.text(arguments, "command")).strip().partition("\n")
    return first + (" …" if newline else "") if first else _any_field(arguments)


def _search(arguments: Json) -> str:
    place = fields.text(arguments, "path", "glob", "type")
    return fields.text(arguments, "pattern") + (f" in {place}" if place else "")


def _url(arguments: Json) -> str:
    url = fields.text(arguments, "url")
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts.netloc + parts.path.rstrip("/") if parts.netloc else url


def _agent(arguments: Json) -> str:
    kind = fields.text(arguments, "subagent_type")
    return fields.text(arguments, "description", "prompt") + (f" ({kind})" if kind not in ("", "general-purpose") else "")


def _questions(arguments: Json) -> str:
    asked = (fields.text(fields.mapping(question), "question") for question in fields.items(arguments.get("questions")))
    return " / ".join(asked)


def _any_field(arguments: Json) -> str:
    """What an unknown tool is about: its first short values."""
    values = [str(value) for value in arguments.values() if isinstance(value, str | int | float) and str(value).strip()]
    return ", ".join(shorten(value, 60) for value in values[:3])


_EDITS = frozenset({"Edit", "MultiEdit", "Write"})
_PATHS = _EDITS | {"Read", "NotebookEdit", "LS"}
_NAMES = {"Task": "Agent", "BashOutput": "Output", "TaskOutput": "Output", "KillShell": "Stop", "TaskStop": "Stop"}
_SUBJECTS: dict[str, Callable[[Json], str]] = {
    "Bash": _command,
    **dict.fromkeys(_PATHS, _path),
    "Grep": _search,
    "Glob": _search,
    "WebFetch": _url,
    "WebSearch": _one("query"),
    "Agent": _agent,
    "Task": _agent,
    "Skill": _one("skill", "command", "name"),
    "TaskCreate": _one("subject"),
    "AskUserQuestion": _questions,
    "ExitPlanMode": lambda _: "",
    "TodoWrite": lambda _: "",
}


def _last_line(_: Json, text: str) -> str:
    """The end of an output says how it went: the test summary, the commit."""
    lines = [line.strip() for line in plain(text).split("\n") if line.strip()]
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
    return " · ".join([*([count(tools, "tool use")] if tools is not None else []), *([duration(took)] if took is not None else [])])


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
