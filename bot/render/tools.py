"""One line per tool use: what, on what, outcome; with a diff or the end of a failure's output below it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from vps.events.types import ToolResult, ToolUse

from . import diff, fields
from .blocks import Attachment, attachment
from .text import count, fence, inline_code, plain, printable, shorten, width
from .tool_outcomes import OUTCOME, outcome
from .tool_subjects import EDITS, path, subject, word

DIFF_LINES, DIFF_CHARS = 20, 900
"""A longer diff becomes a file."""
TAIL_LINES, TAIL_CHARS, LINE_CHARS = 8, 500, 240
"""How much of a failure's output is shown."""
OUTPUT_CHARS = 1500
"""A failure's output that is longer is attached whole."""

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
    """What is shown below a line: `excerpt` in a code block if it fits, else `file`; with `attach`, the file always."""

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
    """A tool use as it is shown: `text` has at most SUBJECT + OUTCOME + 6 units, of which `reserve` may come yet."""

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
    if in_background(result):
        return replace(line, state=State.OPEN, outcome="in background", reserve=OUTCOME)
    if use.name in EDITS:
        return _edited(line, use, diff.of(fields.mapping(result.detail)))
    return replace(line, outcome=outcome(use.name, result))


def ended(line: ToolLine, state: State, outcome: str) -> ToolLine:
    """A line that ends without a result of its own."""
    return replace(line, state=state, outcome=outcome, reserve=0)


def in_background(result: ToolResult) -> bool:
    """Whether the tool goes on after this result."""
    detail = fields.mapping(result.detail)
    return bool(fields.text(detail, "backgroundTaskId")) or detail.get("status") == "async_launched"


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
    tail = "\n".join(shorten(line, LINE_CHARS) for line in tail.split("\n")[-TAIL_LINES:])
    name = f"{word(use.name).lower()}-output.txt"
    return Detail(_last(tail, TAIL_CHARS), "", attachment(name, output), attach=len(output) > OUTPUT_CHARS)


def _last(text: str, limit: int) -> str:
    """The last whole lines within `limit`."""
    while width(text) > limit:
        _, newline, rest = text.partition("\n")
        text = rest if newline else shorten(text, limit)
    return text


def _edited(line: ToolLine, use: ToolUse, change: diff.Diff) -> ToolLine:
    name = PurePosixPath(path(use.input)).name or "edit"
    outcome = f"new, {count(change.added, 'line')}" if change.created else f"+{change.added} −{change.removed}"
    if not change.lines:
        return replace(line, outcome="new, empty" if change.created else "")
    text = printable(change.text)
    short = len(change.lines) <= DIFF_LINES and len(text) <= DIFF_CHARS
    file = attachment(f"{_file_name(name)}.diff", text)
    return replace(line, outcome=outcome, detail=Detail(plain(text) if short else "", "diff", file, attach=not short))


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", printable(name))[-80:] or "edit"


def _diff_reserve(use: ToolUse) -> int:
    """An estimate of the diff to come; wrong ones cost a file instead of a code block, never the limit."""
    if use.name not in EDITS:
        return 0
    changed = [fields.text(use.input, name) for name in ("old_string", "new_string", "content")]
    lines, chars = sum(part.count("\n") + 1 for part in changed if part), sum(map(len, changed))
    return 0 if lines > DIFF_LINES or chars > DIFF_CHARS else min(DIFF_CHARS, chars + 2 * lines + 200) + 12
