"""The tools as verbs: every parameter is a flag of its own name, the required ones also stand alone, in turn."""

from __future__ import annotations

import argparse
import functools
import getpass
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from agents.attachments import MOST_TOGETHER, Attachment
from agents.config import load
from agents.crew import open_crew
from agents.rights import Right
from agents.surfaces.cli_console import Steps, answer, confirm, secret, tell
from agents.surfaces.cli_exit import ExitCode
from agents.tools.agents import WaitOutput
from agents.tools.core import Call, Output, Tool
from agents.tools.spawn import SPAWN
from agents.tools.workspaces import DiffOutput
from vps.errors import BadInput
from vps.models import Origin
from vps.outcome import Ending

_MAX_STDIN = 4 << 20
_POSITIONAL = "_alone_"
_BY_HAND_SUCCESS = "Exited (0)"

AnyTool = Tool[Any, Any]


def add(verbs: Any, tools: Sequence[AnyTool]) -> None:
    """The tools as verbs of the command line; those of two words below a verb of their first."""
    groups: dict[str, Any] = {}
    for tool in tools:
        first, _, second = tool.verb.partition(" ")
        if second and first not in groups:
            group = verbs.add_parser(first, help=f"Verbs around a {first}; see `{first} --help`", allow_abbrev=False)
            groups[first] = group.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=type(group))
        _add_verb(groups[first] if second else verbs, second or first, tool)


def _add_verb(verbs: Any, verb: str, tool: AnyTool) -> None:
    epilog = "What is secret is asked for, or read from stdin." if tool.unseen else None
    if tool is SPAWN:
        epilog = "A task that begins with a dash goes after `--` or as --task=...; `-` reads it from stdin."
    parser: argparse.ArgumentParser = verbs.add_parser(
        verb, help=tool.description, description=f"{tool.description}.", epilog=epilog, allow_abbrev=False
    )
    for name, field in tool.seen.items():
        if field.is_required():
            help_text = _escaped(field.description)
            parser.add_argument(_POSITIONAL + name, nargs="?", metavar=name.upper(), help=help_text)
    for name, field in tool.seen.items():
        _add_flag(parser, name, field)
    for name in tool.attached:
        help_text = "a file to go with it; several: --file A --file B"
        parser.add_argument(
            "--file", dest=name, action="append", metavar="PATH", default=argparse.SUPPRESS, help=help_text
        )
    parser.add_argument("--json", dest="_json", action="store_true", help="print the answer as JSON")
    if tool.changes:
        help_text = "a name of the caller's own for this call; a repetition under it is not done again"
        parser.add_argument("--request-id", "--request_id", dest="_request_id", metavar="TEXT", help=help_text)
    parser.set_defaults(run=functools.partial(_run, tool))


def _add_flag(parser: argparse.ArgumentParser, name: str, field: FieldInfo) -> None:
    # Absent ones stay out: the tool's own definition holds the defaults.
    flags = list(dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}")))
    common: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": _help(field)}
    if field.annotation is bool:
        parser.add_argument(*flags, action="store_true", **common)
    else:
        parser.add_argument(*flags, metavar=_placeholder(field), **common)


def _help(field: FieldInfo) -> str:
    default = "" if field.is_required() or field.default in (None, False) else f" (default {field.default})"
    return _escaped((field.description or "") + default)


def _escaped(text: str | None) -> str:
    return (text or "").replace("%", "%%")


def _placeholder(field: FieldInfo) -> str:
    """The choices where there are few, else a word that tells the type."""
    options = field.annotation
    if isinstance(options, types.UnionType) or typing.get_origin(options) is typing.Union:
        options = next(part for part in typing.get_args(options) if part is not type(None))
    if typing.get_origin(options) is typing.Annotated:
        options = typing.get_args(options)[0]
    if typing.get_origin(options) is typing.Literal:
        return "{" + ",".join(map(str, typing.get_args(options))) + "}"
    return "NUMBER" if options in (int, float) else "TEXT"


async def _run(tool: AnyTool, given: argparse.Namespace) -> int:
    raw = _parameters(vars(given), tool)
    for name in tool.unseen:
        raw[name] = await _unseen(name)
    for name in tool.attached:
        raw |= {name: tuple(map(_file, getattr(given, name)))} if name in given else {}
    tool.parse(raw)
    settings = load()
    if tool is SPAWN:
        settings.require_credential()
    async with Steps(quiet=given._json) as steps, open_crew(settings) as crew:  # noqa: SLF001  our own name in a namespace
        output: Output = await tool.invoke(crew, raw, _call(tool, given, steps))
    answer(output.model_dump_json() if given._json else _shown(output))  # noqa: SLF001  our own name in a namespace
    return _exit_code(output)


def _call(tool: AnyTool, given: argparse.Namespace, steps: Steps) -> Call:
    return Call(
        origin=operator(),
        rights=frozenset(Right),
        progress=steps,
        confirm=confirm if sys.stdin.isatty() else None,
        id=given._request_id if tool.changes else None,  # noqa: SLF001  our own name in a namespace
    )


def _parameters(given: dict[str, Any], tool: AnyTool) -> dict[str, Any]:
    raw = {name: value for name, value in given.items() if name in tool.seen}
    for name in tool.seen:
        alone = given.get(_POSITIONAL + name)
        if alone is not None and name in raw:
            raise BadInput(name, "is given twice.", remedy=f"Give it alone or as --{name}.")
        if alone is not None:
            raw[name] = alone
    if tool is SPAWN and raw.get("task") == "-":
        raw["task"] = _stdin("task")
    return raw


def _file(path: str) -> Attachment:
    try:
        with Path(path).open("rb") as file:
            return Attachment(name=Path(path).name, content=file.read(MOST_TOGETHER + 1))
    except OSError as error:
        raise BadInput("file", f"{path}: {error.strerror}.", remedy="Name a file that can be read.") from error


async def _unseen(name: str) -> str:
    """A line that is typed unseen, or all that a pipe gives."""
    return await secret(f"{name}: ") if sys.stdin.isatty() else _stdin(name)


def _stdin(name: str) -> str:
    try:
        return sys.stdin.buffer.read(_MAX_STDIN).decode().rstrip("\n")
    except UnicodeDecodeError as error:
        raise BadInput(name, "stdin is no UTF-8 text.", remedy=f"Give the {name} as text.") from error


def _shown(output: Output) -> str:
    """A patch comes whole, so that it can be piped into `git apply`; what it is of goes to stderr."""
    if isinstance(output, DiffOutput) and output.patch:
        tell(output.summary())
        return output.patch
    return output.summary()


def _exit_code(output: Output) -> int:
    if not isinstance(output, WaitOutput):
        return ExitCode.DONE
    if not output.finished:
        return ExitCode.STILL_RUNNING
    agent = output.agent
    succeeded = agent.ending == Ending.SUCCEEDED or (agent.by_hand and agent.state.startswith(_BY_HAND_SUCCESS))
    return ExitCode.DONE if succeeded else ExitCode.UNSUCCESSFUL


def operator() -> Origin:
    """Who calls from a shell: by the login name there."""
    login = _login()
    return Origin(caller=f"operator:{login}", caller_name=login, surface="cli")


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
