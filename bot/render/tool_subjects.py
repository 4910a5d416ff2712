"""What a tool is called with, in a few words."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from vps.events.types import Json, ToolUse

from . import fields
from .text import inline_code, plain, printable, shorten, width

SUBJECT = 120
"""Most characters that say what a tool does and on what."""
EDITS = frozenset({"Edit", "MultiEdit", "Write"})
"""Tools whose result carries a diff."""

_BEGINNING = 4000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")


def subject(use: ToolUse, workspace: str) -> str:
    """What a tool does and on what, at most SUBJECT characters: **Edit** `calc.py`."""
    name = _title(use.name)
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


def _title(name: str) -> str:
    if name.startswith("mcp__"):
        server, _, tool = name.removeprefix("mcp__").partition("__")
        return f"**{word(server)} · {word(tool)}**"
    return f"**{word(_NAMES.get(name, name))}**"


def word(name: str) -> str:
    """A name without anything that Discord would read as markup."""
    name = name.replace("_", "-")
    return name if _NAME.fullmatch(name) else shorten(re.sub(r"[^\w .-]", "", plain(name)).strip(), 40) or "?"


def path(arguments: Json) -> str:
    """The file that a tool works on."""
    return fields.text(arguments, "file_path", "notebook_path", "path")


def _one(*names: str) -> Callable[[Json], str]:
    return lambda arguments: fields.text(arguments, *names)


def _command(arguments: Json) -> str:
    first, newline, _ = printable(fields.text(arguments, "command")[:_BEGINNING]).strip().partition("\n")
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
    suffix = f" ({kind})" if kind not in ("", "general-purpose") else ""
    return fields.text(arguments, "description", "prompt") + suffix


def _questions(arguments: Json) -> str:
    asked = (fields.text(fields.mapping(question), "question") for question in fields.items(arguments.get("questions")))
    return " / ".join(asked)


def _any_field(arguments: Json) -> str:
    """What an unknown tool is about: its first short values."""
    values = [str(value) for value in arguments.values() if isinstance(value, str | int | float) and str(value).strip()]
    return ", ".join(shorten(value, 60) for value in values[:3])


_PATHS = EDITS | {"Read", "NotebookEdit", "LS"}
_NAMES = {"Task": "Agent", "BashOutput": "Output", "TaskOutput": "Output", "KillShell": "Stop", "TaskStop": "Stop"}
_SUBJECTS: dict[str, Callable[[Json], str]] = {
    "Bash": _command,
    **dict.fromkeys(_PATHS, path),
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
