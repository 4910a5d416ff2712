"""Fills in a synced command as Discord's client does, and refuses what the client would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .command_checks import CHAT_INPUT, SUBCOMMAND, SUBCOMMAND_GROUP
from .model import Attachment, Channel, Role, User
from .state import Upload, World
from .wire import Json, items

STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = 3, 4, 5, 6, 7, 8, 9, 10, 11
_GUILD, _DIRECT = 0, 1
_IDS = {USER: User, CHANNEL: Channel, ROLE: Role, ATTACHMENT: Attachment}
_PYTHON = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float), **_IDS}
_RESOLVED = {USER: "users", CHANNEL: "channels", ROLE: "roles", ATTACHMENT: "attachments"}


class CannotBeTypedError(ValueError):
    """The client would not let a user send this command."""


def find(world: World, name: str, kind: int = CHAT_INPUT, *, direct: bool = False) -> Json:
    """The synced command of this name; in the guild its own come first, and in direct messages there are none of them."""
    context, own = (_DIRECT, []) if direct else (_GUILD, world.commands.get(world.guild_id, []))
    common = [each for each in world.commands.get(None, []) if context in each.get("contexts", [_GUILD, _DIRECT])]
    synced = [*own, *common]
    for command in synced:
        if command["name"] == name and command["type"] == kind:
            return command
    raise CannotBeTypedError(f"no command {name!r} was synced; there are {sorted(c['name'] for c in synced)}")


def filled_in(
    world: World, path: str, values: Mapping[str, Any], focused: str | None = None, *, direct: bool = False
) -> Json:
    """The `data` of an interaction for `path`, such as "spawn" or "workspace clone", with these option values.

    The value of a file is an `Upload`. With `focused`, the data of an autocomplete request: required options may be missing then.
    """
    name, *subcommands = path.split()
    command = find(world, name, direct=direct)
    leaf, groups = _descend(command, subcommands)
    uploaded = {key: world.upload(value) if isinstance(value, Upload) else value for key, value in values.items()}
    filled = _filled(items(leaf, "options"), uploaded, focused)
    resolved: Json = {}
    for definition, value in filled:
        _resolve(world, resolved, definition["type"], value)
    options: list[Json] = [_option(definition, value, focused) for definition, value in filled]
    for group in reversed(groups):
        options = [{"type": group["type"], "name": group["name"], "options": options}]
    data: Json = {"id": command["id"], "name": command["name"], "type": CHAT_INPUT, "options": options}
    return data | _scope(command) | ({"resolved": resolved} if resolved else {})


def on_message(world: World, name: str, message_id: int, message: Json) -> Json:
    """The `data` of a message command."""
    command = find(world, name, kind=3)
    resolved = {"messages": {str(message_id): message}}
    data: Json = {"id": command["id"], "name": name, "type": 3, "target_id": str(message_id), "resolved": resolved}
    return data | _scope(command)


def _scope(command: Json) -> Json:
    return {"guild_id": command["guild_id"]} if "guild_id" in command else {}


def _descend(command: Json, path: list[str]) -> tuple[Json, list[Json]]:
    groups: list[Json] = []
    here = command
    for name in path:
        below = [o for o in items(here, "options") if o["name"] == name and o["type"] <= SUBCOMMAND_GROUP]
        if not below:
            raise CannotBeTypedError(f"/{command['name']} has no subcommand {name!r}")
        here = below[0]
        groups.append(here)
    if any(option["type"] in {SUBCOMMAND, SUBCOMMAND_GROUP} for option in items(here, "options")):
        raise CannotBeTypedError(f"/{command['name']} needs a subcommand")
    return here, groups


def _filled(definitions: list[Json], values: Mapping[str, Any], focused: str | None) -> list[tuple[Json, Any]]:
    names = [definition["name"] for definition in definitions]
    if unknown := sorted(set(values) - set(names)):
        raise CannotBeTypedError(f"unknown options {unknown}; there are {names}")
    missing = [each["name"] for each in definitions if each.get("required") and each["name"] not in values]
    if missing and focused is None:
        raise CannotBeTypedError(f"required options are missing: {missing}")
    given = [(each, values[each["name"]]) for each in definitions if each["name"] in values]
    for definition, value in given:
        if definition["name"] != focused and (problem := _problem(definition, value)):
            raise CannotBeTypedError(f"{definition['name']}: {problem}")
    return given


def _problem(definition: Json, value: Any) -> str | None:
    expected = _PYTHON.get(definition["type"], object)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    size = len(value) if isinstance(value, str) else value if number else 0
    low = definition.get("min_length", definition.get("min_value"))
    high = definition.get("max_length", definition.get("max_value"))
    offered = [choice["value"] for choice in items(definition, "choices")]
    found = [
        (not isinstance(value, expected), f"{value!r} has the wrong type"),
        (low is not None and size < low, f"{value!r} is below {low}"),
        (high is not None and size > high, f"{value!r} is above {high}"),
        (bool(offered) and value not in offered, f"{value!r} is not one of {offered}"),
    ]
    return next((problem for wrong, problem in found if wrong), None)


def _option(definition: Json, value: Any, focused: str | None) -> Json:
    sent = str(value.id) if isinstance(value, User | Role | Channel | Attachment) else value
    option: Json = {"type": definition["type"], "name": definition["name"], "value": sent}
    return {**option, "focused": True} if definition["name"] == focused else option


def _resolve(world: World, resolved: Json, kind: int, value: Any) -> None:
    if kind not in _RESOLVED:
        return
    resolved.setdefault(_RESOLVED[kind], {})[str(value.id)] = value.json()
    if isinstance(value, User):
        resolved.setdefault("members", {})[str(value.id)] = world.member(value.id).partial()
