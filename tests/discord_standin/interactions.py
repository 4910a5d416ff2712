"""Interactions: what a user did, and how the bot answered it.

Rules: https://discord.com/developers/docs/interactions/receiving-and-responding
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from . import errors
from .changes import PATIENCE_S, Changes
from .model import EPHEMERAL, LOADING, SLASH_COMMAND, Channel, Message, User
from .state import Upload, World
from .wire import Json

ANSWER_WITHIN = 3.0
"""Seconds after which Discord no longer takes the first answer."""
TOKEN_LIFETIME = 900.0
"""Seconds for which the token of an interaction works."""


class Kind(IntEnum):
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class Answer(IntEnum):
    PONG = 1
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


_MESSAGES = {Answer.MESSAGE, Answer.DEFERRED_MESSAGE}
_UPDATES = {Answer.DEFERRED_UPDATE, Answer.UPDATE}
ALLOWED = {
    Kind.COMMAND: _MESSAGES | {Answer.MODAL},
    Kind.COMPONENT: _MESSAGES | _UPDATES | {Answer.MODAL},
    Kind.AUTOCOMPLETE: {Answer.CHOICES},
    Kind.MODAL_SUBMIT: _MESSAGES | _UPDATES,
}


@dataclass(eq=False)
class Interaction:
    """One interaction, as the user's client sees it."""

    id: int
    kind: Kind
    user: User
    channel: Channel = field(repr=False)
    data: Json
    changes: Changes = field(repr=False)
    source: Message | None = field(default=None, repr=False)
    """The message whose component was used."""
    trigger: Interaction | None = field(default=None, repr=False)
    """The interaction that was answered with the modal this one submits."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    sent_at: float = field(default_factory=time.monotonic)
    answer: Answer | None = None
    seconds_to_answer: float | None = None
    response: Message | None = None
    """The original response; `loading` while it is deferred."""
    followups: list[Message] = field(default_factory=list[Message])
    modal: Json | None = None
    choices: list[Json] | None = None
    expired: bool = False

    @property
    def deferred(self) -> bool:
        """Whether the first answer only said that a later one will come."""
        return self.answer in {Answer.DEFERRED_MESSAGE, Answer.DEFERRED_UPDATE}

    @property
    def ephemeral(self) -> bool:
        return self.response is not None and self.response.ephemeral

    @property
    def age(self) -> float:
        return time.monotonic() - self.sent_at

    @property
    def usable(self) -> bool:
        """Whether the token still works."""
        return not self.expired and self.age < TOKEN_LIFETIME

    async def answered(self, timeout: float = ANSWER_WITHIN) -> Interaction:
        """Waits for the first answer. Raises `TimeoutError`, as the user would see "did not respond"."""
        await self.changes.wait_for(lambda: self.answer is not None, timeout, lambda: f"{self} was not answered")
        return self

    async def reply(self, timeout: float = PATIENCE_S) -> Message:
        """Waits until the original response shows something, and returns it."""

        def shown() -> Message | None:
            return self.response if self.response and not self.response.loading else None

        message = await self.changes.wait_for(shown, timeout, lambda: f"{self} shows no response")
        assert message
        return message

    async def shows(self, text: str, timeout: float = PATIENCE_S) -> Message:
        """Waits until the original response or a follow-up contains the text."""

        def found() -> Message | None:
            messages = [*([self.response] if self.response else []), *self.followups]
            return next((each for each in messages if text in each.text), None)

        def describe() -> str:
            return f"{text!r} is not in {[self.response and self.response.text, *(m.text for m in self.followups)]}"

        message = await self.changes.wait_for(found, timeout, describe)
        assert message
        return message

    def metadata(self, guild_id: int) -> Json:
        return {
            "id": str(self.id),
            "type": int(self.kind),
            "user": self.user.json(),
            "authorizing_integration_owners": {"0": str(guild_id)},
            **({"interacted_message_id": str(self.source.id)} if self.source and not self.trigger else {}),
            **({"triggering_interaction_metadata": self.trigger.metadata(guild_id)} if self.trigger else {}),
        }


class Interactions:
    """The interactions sent so far, and the endpoints that answer them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sent: list[Interaction] = []

    def send(
        self,
        kind: Kind,
        user: User,
        channel: Channel,
        data: Json,
        *,
        source: Message | None = None,
        trigger: Interaction | None = None,
    ) -> Interaction:
        """Dispatches INTERACTION_CREATE."""
        world = self._world
        interaction = Interaction(world.ids(), kind, user, channel, data, world.changes, source, trigger)
        self.sent.append(interaction)
        world.announce("INTERACTION_CREATE", self._payload(interaction))
        return interaction

    def by_token(self, token: str) -> Interaction:
        """The interaction of a webhook token. Raises `ApiError` when it is unknown, unanswered or expired."""
        found = next((each for each in self.sent if each.token == token), None)
        if found is None or found.answer is None:
            raise errors.unknown("Webhook", 10015)
        if not found.usable:
            raise errors.invalid_webhook_token()
        return found

    def original(self, interaction: Interaction) -> Message:
        if interaction.response is None:
            raise errors.unknown_message()
        return interaction.response

    def message(self, interaction: Interaction, message_id: int) -> Message:
        """The original response or a follow-up."""
        for message in [interaction.response, *interaction.followups]:
            if message and message.id == message_id:
                return message
        raise errors.unknown_message()

    def callback(self, interaction_id: int, token: str, body: Json, uploads: Mapping[int, Upload]) -> Interaction:
        """Takes the first answer."""
        interaction = next((each for each in self.sent if each.id == interaction_id and each.token == token), None)
        if interaction is None or interaction.age > ANSWER_WITHIN:
            raise errors.unknown_interaction()
        if interaction.answer is not None:
            raise errors.already_acknowledged()
        answer = Answer(body["type"])
        if answer not in ALLOWED[interaction.kind]:
            raise errors.invalid_body([f"{answer.name} does not answer {interaction.kind.name}"])
        self._take(interaction, answer, body.get("data") or {}, uploads)
        interaction.seconds_to_answer = interaction.age
        interaction.answer = answer
        self._world.changes.notify()
        return interaction

    def follow_up(self, interaction: Interaction, body: Json, uploads: Mapping[int, Upload]) -> Message:
        """Posts a follow-up; the first one after a deferral takes the place of the original."""
        original = interaction.response
        if original and original.loading and interaction.answer is Answer.DEFERRED_MESSAGE:
            return self._world.edit_message(original, body, uploads)
        message = self._post(interaction, body, uploads)
        interaction.followups.append(message)
        self._world.changes.notify()
        return message

    def delete(self, interaction: Interaction, message: Message) -> None:
        self._world.delete_message(message)
        if message is interaction.response:
            interaction.response = None
        else:
            interaction.followups.remove(message)

    def callback_json(self, interaction: Interaction) -> Json:
        """The answer to a callback with `with_response`."""
        payload: Json = {"interaction": {"id": str(interaction.id), "type": int(interaction.kind)}}
        message = interaction.response
        if message and interaction.answer in _MESSAGES | {Answer.UPDATE}:
            payload["interaction"] |= {
                "response_message_id": str(message.id),
                "response_message_loading": message.loading,
                "response_message_ephemeral": message.ephemeral,
            }
            if not interaction.deferred:
                payload["resource"] = {"type": int(interaction.answer or 0), "message": message.json()}
        return payload

    def _take(self, interaction: Interaction, answer: Answer, data: Json, uploads: Mapping[int, Upload]) -> None:
        match answer:
            case Answer.MESSAGE:
                interaction.response = self._post(interaction, data, uploads)
            case Answer.DEFERRED_MESSAGE:
                flags = (data.get("flags") or 0) & EPHEMERAL | LOADING
                interaction.response = self._post(interaction, {"flags": flags}, {})
            case Answer.DEFERRED_UPDATE:
                interaction.response = interaction.source
            case Answer.UPDATE:
                assert interaction.source
                interaction.response = self._world.edit_message(interaction.source, data, uploads)
            case Answer.CHOICES:
                interaction.choices = data["choices"]
            case Answer.MODAL:
                interaction.modal = data
            case Answer.PONG:
                pass

    def _post(self, interaction: Interaction, body: Json, uploads: Mapping[int, Upload]) -> Message:
        world = self._world
        application = str(world.application_id)
        extra = {
            "application_id": application,
            "webhook_id": application,
            "interaction_metadata": interaction.metadata(world.guild_id),
        }
        kind = SLASH_COMMAND if interaction.kind is Kind.COMMAND and interaction.answer is None else 0
        return world.create_message(interaction.channel, world.bot, body, uploads, kind=kind, extra=extra)

    def _payload(self, interaction: Interaction) -> Json:
        world, channel = self._world, interaction.channel
        return {
            "id": str(interaction.id),
            "application_id": str(world.application_id),
            "type": int(interaction.kind),
            "token": interaction.token,
            "version": 1,
            "locale": "en-US",
            "channel_id": str(channel.id),
            **(self._in_direct(interaction) if channel.is_direct else self._in_guild(interaction)),
            "app_permissions": str(world.permissions(world.bot.id)),
            "entitlements": [],
            "attachment_size_limit": 10 * 1024 * 1024,
            "data": interaction.data,
            **({"message": interaction.source.json()} if interaction.source else {}),
        }

    def _in_guild(self, interaction: Interaction) -> Json:
        world = self._world
        permissions = str(world.permissions(interaction.user.id))
        return {
            "guild_id": str(world.guild_id),
            "guild": {"id": str(world.guild_id), "locale": "en-US", "features": []},
            "guild_locale": "en-US",
            "channel": {**interaction.channel.json(), "permissions": permissions},
            "member": {**world.member(interaction.user.id).json(), "permissions": permissions},
            "authorizing_integration_owners": {"0": str(world.guild_id)},
            "context": 0,
        }

    def _in_direct(self, interaction: Interaction) -> Json:
        return {
            "channel": {**interaction.channel.json(), "recipients": [interaction.user.json()]},
            "user": interaction.user.json(),
            "authorizing_integration_owners": {"0": "0"},
            "context": 1,
        }
