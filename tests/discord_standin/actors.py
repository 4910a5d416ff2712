"""What people do in the stand-in: type commands, click, fill in forms, talk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from . import commands
from . import components as ui
from .interactions import Interaction, Interactions, Kind
from .model import VOICE, Channel, Message, User
from .state import Upload, World
from .wire import Json


class Choice(NamedTuple):
    """What autocomplete offers: the text shown and the value sent."""

    name: str
    value: str | int | float


class Actors:
    """The users' side of the stand-in."""

    def __init__(self, world: World, interactions: Interactions) -> None:
        self.world = world
        self.interactions = interactions

    async def slash(self, user: User, channel: Channel, path: str, /, **options: Any) -> Interaction:
        """Types a command, such as `slash(user, channel, "workspace clone", repo_url="...")`.

        Raises `CannotBeTypedError` when it was not synced, or the client would refuse the options.
        """
        data = commands.filled_in(self.world, path, options, direct=channel.is_direct)
        return self.interactions.send(Kind.COMMAND, user, channel, data)

    async def autocomplete(
        self, user: User, channel: Channel, path: str, option: str, typed: str | int, /, **options: Any
    ) -> list[Choice]:
        """Types into an option and returns what is offered. Raises `TimeoutError` after 3 s."""
        given = {**options, option: typed}
        data = commands.filled_in(self.world, path, given, focused=option, direct=channel.is_direct)
        interaction = self.interactions.send(Kind.AUTOCOMPLETE, user, channel, data)
        await interaction.answered()
        return [Choice(choice["name"], choice["value"]) for choice in interaction.choices or []]

    async def use_on(self, user: User, message: Message, name: str) -> Interaction:
        """Chooses a message command from the message's menu."""
        data = commands.on_message(self.world, name, message.id, message.json())
        return self.interactions.send(Kind.COMMAND, user, message.channel, data)

    async def click(self, user: User, message: Message, custom_id: str) -> Interaction:
        """Clicks a button. Raises `LookupError` when it is not there, `ValueError` when it is disabled."""
        return self._use_component(user, message, custom_id, {})

    async def select(self, user: User, message: Message, custom_id: str, *values: str) -> Interaction:
        """Chooses from a select. Raises like `click`."""
        return self._use_component(user, message, custom_id, {"values": list(values)})

    async def submit(self, user: User, interaction: Interaction, **values: Any) -> Interaction:
        """Fills in the modal that answered an interaction: by custom_id, lists for inputs with several values."""
        modal = interaction.modal
        if modal is None:
            raise LookupError(f"{interaction} was not answered with a modal")
        inputs = {each["custom_id"] for each in ui.walk(modal["components"]) if each.get("custom_id")}
        if unknown := set(values) - inputs:
            raise LookupError(f"the modal has no {sorted(unknown)}; it has {sorted(inputs)}")
        filled = [_filled_in(each, values) for each in ui.completed(modal["components"], {})]
        data: Json = {"custom_id": modal["custom_id"], "components": filled}
        return self.interactions.send(
            Kind.MODAL_SUBMIT, user, interaction.channel, data, source=interaction.source, trigger=interaction
        )

    async def say(
        self,
        user: User,
        channel: Channel,
        text: str = "",
        *,
        reply_to: Message | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Message:
        """Posts a message as a user."""
        body: Json = {"content": text}
        if reply_to:
            body["message_reference"] = {"message_id": str(reply_to.id)}
        uploads = {number: Upload(name, data) for number, (name, data) in enumerate((files or {}).items())}
        channel.member_ids.add(user.id)
        return self.world.create_message(channel, user, body, uploads)

    async def speak(
        self,
        user: User,
        channel: Channel,
        sound: bytes,
        *,
        duration_secs: float = 2.0,
        waveform: str = "AAAA",
        size: int | None = None,
        reply_to: Message | None = None,
    ) -> Message:
        """Posts a voice message as a user; a reply mentions whom it answers, as clients do."""
        told: Json = {"id": 0, "filename": "voice-message.ogg", "duration_secs": duration_secs, "waveform": waveform}
        body: Json = {"content": "", "flags": VOICE, "attachments": [told]}
        if reply_to:
            body["message_reference"] = {"message_id": str(reply_to.id)}
        channel.member_ids.add(user.id)
        return self.world.create_message(
            channel, user, body, {0: Upload("voice-message.ogg", sound, "audio/ogg", size)}
        )

    def _use_component(self, user: User, message: Message, custom_id: str, extra: Json) -> Interaction:
        component = ui.find(message.components, custom_id)
        if component is None:
            there = [each["custom_id"] for each in ui.walk(message.components) if each.get("custom_id")]
            raise LookupError(f"message {message.id} has no {custom_id!r}; it has {there}")
        if component.get("disabled"):
            raise ValueError(f"{custom_id!r} is disabled")
        data: Json = {"component_type": component["type"], "custom_id": custom_id, "id": component["id"], **extra}
        return self.interactions.send(Kind.COMPONENT, user, message.channel, data, source=message)


def _filled_in(component: Json, values: Mapping[str, Any]) -> Json:
    """A component of a modal as a submission carries it."""
    filled: Json = {"type": component["type"], "id": component["id"]}
    if "custom_id" in component:
        value = values.get(component["custom_id"], component.get("value", ""))
        key = "values" if isinstance(value, list) else "value"
        filled |= {"custom_id": component["custom_id"], key: value}
    if "component" in component:
        filled["component"] = _filled_in(component["component"], values)
    if "components" in component:
        filled["components"] = [_filled_in(child, values) for child in component["components"]]
    return filled
