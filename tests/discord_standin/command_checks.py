"""Limits of commands, autocomplete choices, modals and threads.

Sources: https://discord.com/developers/docs/interactions/application-commands and
https://discord.com/developers/docs/resources/channel
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from . import checks
from .wire import Json, items

COMMANDS, OPTIONS, CHOICES, NAME, DESCRIPTION, CHOICE, COMMAND_TEXT = 100, 25, 25, 32, 100, 100, 8000
MODAL_TITLE, MODAL_ROWS, LABEL, THREAD_NAME = 45, 5, 45, 100
CHAT_INPUT, SUBCOMMAND, SUBCOMMAND_GROUP = 1, 1, 2
_NAME = re.compile(rf"[-_'\w]{{1,{NAME}}}")


def commands(synced: list[Json]) -> Iterable[str]:
    """Problems of a bulk overwrite."""
    typed = [command for command in synced if command.get("type", CHAT_INPUT) == CHAT_INPUT]
    if len(typed) > COMMANDS:
        yield f"{len(typed)} slash commands; {COMMANDS} are allowed"
    names = [(command.get("type", CHAT_INPUT), command["name"]) for command in synced]
    yield from (f"two commands are called {name!r}" for name in {n[1] for n in names if names.count(n) > 1})
    for command in typed:
        yield from _named(command, "/" + command["name"])
        if (length := _length(command)) > COMMAND_TEXT:
            yield f"/{command['name']} has {length} characters in all; {COMMAND_TEXT} are allowed"


def _named(part: Json, path: str) -> Iterable[str]:
    if not _NAME.fullmatch(part["name"]) or part["name"] != part["name"].lower():
        yield f"{path}: the name must be 1 to {NAME} lower-case letters, digits, - or _"
    if not 1 <= len(part.get("description") or "") <= DESCRIPTION:
        yield f"{path}: the description must have 1 to {DESCRIPTION} characters"
    yield from _options(items(part, "options"), path)


def _options(options: list[Json], path: str) -> Iterable[str]:
    if len(options) > OPTIONS:
        yield f"{path} has {len(options)} options; {OPTIONS} are allowed"
    if len({option["name"] for option in options}) < len(options):
        yield f"{path} has two options of the same name"
    required = [bool(option.get("required")) for option in options if option["type"] > SUBCOMMAND_GROUP]
    if required != sorted(required, reverse=True):
        yield f"{path}: required options must come first"
    for option in options:
        yield from _named(option, f"{path} {option['name']}")
        yield from _choices_of(option, f"{path} {option['name']}")


def _choices_of(option: Json, path: str) -> Iterable[str]:
    offered: list[Json] = items(option, "choices")
    if offered and option.get("autocomplete"):
        yield f"{path} has both choices and autocomplete"
    yield from (f"{path}: {problem}" for problem in choices(offered))


def choices(offered: list[Json]) -> Iterable[str]:
    """Problems of the choices of an option, or of an autocomplete answer."""
    if len(offered) > CHOICES:
        yield f"{len(offered)} choices; {CHOICES} are allowed"
    for choice in offered:
        for key in ("name", "value"):
            if isinstance(choice[key], str) and not 1 <= len(choice[key]) <= CHOICE:
                yield f"a choice's {key} must have 1 to {CHOICE} characters, not {len(choice[key])}"


def _length(part: Json) -> int:
    own = len(part["name"]) + len(part.get("description") or "")
    offered = sum(len(choice["name"]) + len(str(choice["value"])) for choice in items(part, "choices"))
    return own + offered + sum(_length(option) for option in items(part, "options"))


def modal(data: Json) -> Iterable[str]:
    """Problems of a modal."""
    rows: list[Json] = items(data, "components")
    if not 1 <= len(data.get("title") or "") <= MODAL_TITLE:
        yield f"a modal's title must have 1 to {MODAL_TITLE} characters"
    if not 1 <= len(data.get("custom_id") or "") <= checks.CUSTOM_ID:
        yield f"a modal's custom_id must have 1 to {checks.CUSTOM_ID} characters"
    if not 1 <= len(rows) <= MODAL_ROWS:
        yield f"a modal has {len(rows)} components; 1 to {MODAL_ROWS} are allowed"
    yield from (f"label {row['label']!r} is too long" for row in rows if len(row.get("label") or "") > LABEL)
    yield from checks.components(rows)


def thread(body: Json) -> Iterable[str]:
    """Problems of a request that opens or changes a thread."""
    if "name" in body and not 1 <= len(body["name"] or "") <= THREAD_NAME:
        yield f"a thread's name must have 1 to {THREAD_NAME} characters"
    if body.get("auto_archive_duration") not in {None, 60, 1440, 4320, 10080}:
        yield "auto_archive_duration must be 60, 1440, 4320 or 10080 minutes"
