"""What the person in front of the embedded Discord does: types commands, presses buttons, answers dialogs.

Everything is sent to the bot as the gateway events that Discord would send.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from simcord import interactions
from simcord.backend.errors import SetupError
from simcord.backend.models import Interaction
from simcord.components import walk_components
from simcord.enums import AppCommandType, InteractionType

from bot.demo.world import Json, World

FIRST_ANSWER_S = 3.0
"""Discord's limit for the first answer, https://discord.com/developers/docs/interactions/receiving-and-responding."""

Value = str | int | float | bool


class NoAnswerError(Exception):
    """The bot did not answer an interaction in time."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: the application did not respond within {FIRST_ANSWER_S:g} s")


class RefusedError(Exception):
    """Discord's client would not let a person do this: no such command, option, button or dialog."""


class Person:
    """One member of the guild, who owns it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def slash(self, name: str, /, *, channel_id: int | None = None, **options: Value) -> Interaction:
        """Run `/name` ("group sub" for subcommands) and return once the bot has answered or deferred.

        Raises RefusedError for an unknown command or a value its options do not allow, NoAnswerError after 3 s.
        """
        channel_id = channel_id or self._world.channel_id
        data = self._command(name, channel_id, options)
        return await self._send(InteractionType.APPLICATION_COMMAND, channel_id, data, what=f"/{name}")

    async def slash_typed(self, name: str, channel_id: int, typed: Mapping[str, str | bool]) -> Interaction:
        """`slash` with the values as the page has them: text, except for booleans."""
        leaf = self._leaf(name, channel_id)
        return await self.slash(name, channel_id=channel_id, **_parse(name, leaf, typed))

    async def autocomplete(
        self, name: str, option: str, text: str, *, channel_id: int | None = None, **filled: Value
    ) -> list[Json]:
        """The bot's suggestions ({"name", "value"}) for what is typed in one option."""
        channel_id = channel_id or self._world.channel_id
        data = self._command(name, channel_id, filled, focus=(option, text))
        kind = InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE
        answered = await self._send(kind, channel_id, data, what=f"/{name} {option}")
        return answered.autocomplete_choices or []

    async def press(self, channel_id: int, message_id: int, custom_id: str) -> Interaction:
        """Press a button; the answer may be a dialog (`modal`)."""
        return await self._component(channel_id, message_id, custom_id, {})

    async def choose(self, channel_id: int, message_id: int, custom_id: str, values: Sequence[str]) -> Interaction:
        """Choose in a string select."""
        return await self._component(channel_id, message_id, custom_id, {"values": list(values)})

    async def submit(self, shown: Interaction, values: Mapping[str, Any]) -> Interaction:
        """Send a dialog that the bot has shown, with a value for each custom id."""
        if shown.modal is None or shown.modal_consumed:
            raise RefusedError("no dialog is open")
        shown.modal_consumed = True
        data = {
            "custom_id": shown.modal["custom_id"],
            "components": [_filled(part, values) for part in shown.modal["components"]],
        }
        return await self._send(
            InteractionType.MODAL_SUBMIT, shown.channel_id, data, source=shown.source_message_id, what="the dialog"
        )

    def say(self, channel_id: int, content: str) -> None:
        """Write a message."""
        self._world.tick()
        self._world.backend.create_message(channel_id, self._world.person_id, content)

    def say_typed(self, channel_id: int, content: str) -> None:
        """`say` with what the person typed: Discord's client makes a mention of `@AgentFlow`."""
        bot = self._world.backend.bot_user
        named = re.sub(rf"@{re.escape(bot.name)}\b", f"<@{bot.id}>", content, flags=re.IGNORECASE)
        self.say(channel_id, named)

    def commands(self, channel_id: int) -> list[Json]:
        """The slash commands the person sees in a channel: {"name": "group sub", "description", "options"}."""
        visible = self._world.backend.visible_commands(user_id=self._world.person_id, channel_id=channel_id)
        leaves = [leaf for command in visible for leaf in interactions.command_leaves(command)]
        return [
            {"name": " ".join(path), "description": leaf.get("description", ""), "options": leaf.get("options", [])}
            for path, leaf in leaves
        ]

    def _root(self, name: str, channel_id: int) -> Json:
        visible = self._world.backend.visible_commands(user_id=self._world.person_id, channel_id=channel_id)
        for command in visible:
            if command["name"] == name.split(maxsplit=1)[0]:
                return command
        raise RefusedError(f"there is no command /{name} here")

    def _leaf(self, name: str, channel_id: int) -> Json:
        leaf, _ = interactions.walk_to_subcommand(self._root(name, channel_id), name.split()[1:])
        return leaf

    def _command(
        self, name: str, channel_id: int, options: Mapping[str, Value], focus: tuple[str, str] | None = None
    ) -> Json:
        root = self._root(name, channel_id)
        try:
            leaf, nesting = interactions.walk_to_subcommand(root, name.split()[1:])
            values = interactions.check_options(name, leaf, dict(options), partial=focus is not None)
        except SetupError as error:
            raise RefusedError(str(error)) from error
        types = {option["name"]: option["type"] for option in leaf.get("options", [])}
        filled: list[Json] = [{"name": key, "type": types[key], "value": value} for key, value in values.items()]
        if focus is not None:
            filled.append({"name": focus[0], "type": types[focus[0]], "value": focus[1], "focused": True})
        scope = {"guild_id": root["guild_id"]} if root.get("guild_id") else {}
        nested = interactions.nest_options(root, nesting, filled)
        return {"id": root["id"], "name": root["name"], "type": AppCommandType.CHAT_INPUT, "options": nested, **scope}

    async def _component(self, channel_id: int, message_id: int, custom_id: str, chosen: Json) -> Interaction:
        message = self._world.backend.get_message(channel_id, message_id)
        parts = [part for part in walk_components(message.components) if part.get("custom_id") == custom_id]
        if not parts or parts[0].get("disabled"):
            raise RefusedError("this button is not there any more")
        data = {"custom_id": custom_id, "component_type": parts[0]["type"], "id": parts[0].get("id"), **chosen}
        kind = InteractionType.MESSAGE_COMPONENT
        return await self._send(
            kind, channel_id, data, source=message_id, what=str(parts[0].get("label", "the button"))
        )

    async def _send(
        self, kind: InteractionType, channel_id: int, data: Json, *, what: str, source: int | None = None
    ) -> Interaction:
        world = self._world
        world.tick()
        record, payload = interactions.base_payload(
            world.backend,
            type=kind,
            channel_id=channel_id,
            guild_id=world.guild_id,
            user_id=world.person_id,
            data=data,
        )
        if source is not None:
            record.source_message_id = source
            payload["message"] = world.payload(world.backend.get_message(channel_id, source))
        world.backend.emit("INTERACTION_CREATE", payload)
        try:
            return await world.until(lambda: record if record.responded else None, FIRST_ANSWER_S)
        except TimeoutError:
            raise NoAnswerError(what) from None


def _parse(name: str, leaf: Json, typed: Mapping[str, str | bool]) -> dict[str, Value]:
    declared = {option["name"]: option for option in leaf.get("options", [])}
    try:
        return {
            key: interactions.parse_option_input(name, declared[key], value)
            for key, value in typed.items()
            if key in declared
        }
    except SetupError as error:
        raise RefusedError(str(error)) from error


def _filled(part: Json, values: Mapping[str, Any]) -> Json:
    """A dialog's component as a submit carries it: layout kept, controls reduced to their value."""
    if "component" in part:
        return {"type": part["type"], "id": part["id"], "component": _filled(part["component"], values)}
    if "components" in part:
        inner = [_filled(child, values) for child in part["components"]]
        return {"type": part["type"], "id": part["id"], "components": inner}
    if "custom_id" not in part:
        return {"type": part["type"], "id": part["id"]}
    value = values.get(part["custom_id"])
    key = "values" if isinstance(value, list) else "value"
    return {"type": part["type"], "id": part.get("id"), "custom_id": part["custom_id"], key: value}
