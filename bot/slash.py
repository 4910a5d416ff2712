"""Slash commands as a projection of the tools: the same names, parameters, limits and descriptions."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord
from discord import app_commands
from pydantic.fields import FieldInfo

from agents.surfaces.options import option_type
from agents.tools.core import Input, Output, Tool
from bot.attached import offered

Handler = Callable[[discord.Interaction, Tool[Any, Any], dict[str, Any]], Awaitable[None]]
Suggest = Callable[[discord.Interaction, str], Awaitable[list[str]]]
AnyTool = Tool[Input, Output]

FILES = ("file", "file_2", "file_3")
"""The options for files, which Discord takes one by one; `/spawn` has room for three below its limit of 25."""
_FILE_DESCRIPTION = "a file for it"
_DESCRIPTION_LIMIT = 100
_CHOICE_LIMIT, _MOST_CHOICES = 100, 25


def commands(
    tools: Sequence[Tool[Any, Any]], handle: Handler, suggest: dict[str, Suggest]
) -> list[app_commands.Command[Any, ..., None] | app_commands.Group]:
    """The tools as commands; those whose verb has two words in a group of the first."""
    groups: dict[str, app_commands.Group] = {}
    made: list[app_commands.Command[Any, ..., None] | app_commands.Group] = []
    for tool in tools:
        first, _, second = tool.verb.partition(" ")
        if not second:
            made.append(command(tool, handle, suggest))
            continue
        if first not in groups:
            groups[first] = app_commands.Group(name=first, description=f"Everything around a {first}")
            made.append(groups[first])
        groups[first].add_command(command(tool, handle, suggest))
    return made


def command(tool: Tool[Any, Any], handle: Handler, suggest: dict[str, Suggest]) -> app_commands.Command[Any, ..., None]:
    """The command `/<verb>`, or the last word of it in a group. `suggest` completes parameters by their name."""

    async def callback(interaction: discord.Interaction, **given: Any) -> None:
        await handle(interaction, tool, _given(tool, given))

    # discord.py reads the options off the callback's signature.
    callback.__signature__ = _signature(tool)  # type: ignore[attr-defined]  functions have no such attribute until it is set (PEP 362)
    name = tool.verb.rpartition(" ")[2]
    callback.__name__ = name
    fields = tool.seen
    texts = {key: _description(key, field) for key, field in fields.items()}
    described = app_commands.describe(**texts, **dict.fromkeys(_file_options(tool), _FILE_DESCRIPTION))(callback)
    made = app_commands.Command[Any, ..., None](
        name=name, description=tool.description[:_DESCRIPTION_LIMIT], callback=described
    )
    for key in fields.keys() & suggest.keys():
        made.autocomplete(key)(_completion(suggest[key]))
    return made


def _given(tool: AnyTool, options: dict[str, Any]) -> dict[str, Any]:
    """The options that were used, the files together as `files`; see `bot.attached.apart`."""
    used = {name: value for name, value in options.items() if value is not None}
    files = tuple(offered(used.pop(name)) for name in _file_options(tool) if name in used)
    return used | ({"files": files} if files else {})


def _file_options(tool: AnyTool) -> tuple[str, ...]:
    return FILES if tool.attached else ()


def _completion(suggest: Suggest) -> Callable[..., Any]:
    async def complete(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        found = await suggest(interaction, current)
        offered = [value for value in found if 0 < len(value) <= _CHOICE_LIMIT][:_MOST_CHOICES]
        return [app_commands.Choice(name=value, value=value) for value in offered]

    return complete


def _description(name: str, field: FieldInfo) -> str:
    return (field.description or name.replace("_", " "))[:_DESCRIPTION_LIMIT]


def _signature(tool: AnyTool) -> inspect.Signature:
    first = inspect.Parameter("interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=discord.Interaction)
    fields = sorted(tool.seen.items(), key=lambda item: not item[1].is_required())
    files = [_optional(name, discord.Attachment) for name in _file_options(tool)]
    return inspect.Signature([first, *(_parameter(name, field) for name, field in fields), *files])


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    annotation = option_type(field)
    if field.is_required():
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
    return _optional(name, annotation)


def _optional(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=typing.Optional[annotation], default=None)  # noqa: UP045  `X | None` of a class known at run time only is no type expression
