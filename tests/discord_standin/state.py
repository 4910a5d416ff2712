"""The guild of the stand-in: who and what is in it, and how messages and threads come and go.

Every change is announced through `emit`, which the gateway turns into dispatches.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import components as ui
from . import errors, mentions
from .changes import Changes
from .model import (
    ALL_PERMISSIONS,
    COMPONENTS_V2,
    DIRECT,
    EPHEMERAL,
    EVERYONE_PERMISSIONS,
    HAS_THREAD,
    LOADING,
    REPLY,
    SUPPRESS_EMBEDS,
    TEXT_CHANNEL,
    Attachment,
    Channel,
    Member,
    Message,
    Role,
    Snowflakes,
    User,
    now,
)
from .wire import Json, items

Emit = Callable[[str, Json], None]


@dataclass(frozen=True)
class Upload:
    filename: str
    data: bytes = field(repr=False)
    content_type: str = ""
    """As the part of the form says."""
    size: int | None = None
    """What Discord says of it, where that is another than it has."""


class World:
    """One guild and one application. Lookups raise `ApiError` as Discord's REST API would answer."""

    def __init__(self, cdn_url: Callable[[], str]) -> None:
        self.ids = Snowflakes()
        self.changes = Changes()
        self.emit: Emit = lambda _event, _data: None
        self._cdn_url = cdn_url
        self._uploaded: list[Attachment] = []
        self.bot = User(self.ids(), "agentflow", bot=True)
        self.application_id = self.bot.id
        self.guild_id = self.ids()
        self.everyone = Role(self.guild_id, "@everyone", EVERYONE_PERMISSIONS)
        self.roles: dict[int, Role] = {self.everyone.id: self.everyone}
        self.members: dict[int, Member] = {self.bot.id: Member(self.bot, [])}
        self.channels: dict[int, Channel] = {}
        self.private_messages: dict[int, Message] = {}
        """Ephemeral messages by id; no channel lists them."""
        self.commands: dict[int | None, list[Json]] = {}
        """The synced commands, by guild; global ones under None."""
        self.owner = self.add_member("owner")
        self._direct: dict[int, Channel] = {}
        self._nonces: dict[tuple[int, str], Message] = {}

    # -- who and what -------------------------------------------------------------------------------------------

    def add_role(self, name: str, permissions: int = 0) -> Role:
        role = Role(self.ids(), name, permissions, len(self.roles))
        self.roles[role.id] = role
        self.announce("GUILD_ROLE_CREATE", {"guild_id": str(self.guild_id), "role": role.json()})
        return role

    def add_member(self, name: str, roles: Iterable[Role] = ()) -> User:
        user = User(self.ids(), name)
        member = self.members[user.id] = Member(user, list(roles))
        self.announce("GUILD_MEMBER_ADD", {**member.json(), "guild_id": str(self.guild_id)})
        return user

    def add_channel(self, name: str) -> Channel:
        channel = Channel(self.ids(), name, self.guild_id, TEXT_CHANNEL, position=len(self.channels))
        self.channels[channel.id] = channel
        self.announce("CHANNEL_CREATE", channel.json())
        return channel

    def direct(self, user: User) -> Channel:
        """The direct messages between a user and the bot; no guild lists them."""
        if user.id not in self._direct:
            self._direct[user.id] = Channel(self.ids(), user.name, 0, DIRECT)
        return self._direct[user.id]

    def leave(self, user: User) -> None:
        """The user leaves the guild."""
        del self.members[user.id]
        self.announce("GUILD_MEMBER_REMOVE", {"guild_id": str(self.guild_id), "user": user.json()})

    def channel(self, channel_id: int) -> Channel:
        direct = (each for each in self._direct.values() if each.id == channel_id)
        if channel := self.channels.get(channel_id) or next(direct, None):
            return channel
        raise errors.unknown_channel()

    def message(self, channel_id: int, message_id: int) -> Message:
        if message := self.channel(channel_id).messages.get(message_id):
            return message
        raise errors.unknown_message()

    def all_messages(self) -> Iterable[Message]:
        """Every message of every channel, and the ephemeral ones."""
        for channel in (*self.channels.values(), *self._direct.values()):
            yield from channel.messages.values()
        yield from self.private_messages.values()

    def member(self, user_id: int) -> Member:
        if member := self.members.get(user_id):
            return member
        raise errors.unknown("Member", 10007)

    def permissions(self, user_id: int) -> int:
        """The guild permissions of a member: everyone's and its roles'; all for the owner."""
        if user_id == self.owner.id:
            return ALL_PERMISSIONS
        permissions = self.everyone.permissions
        for role in self.member(user_id).roles:
            permissions |= role.permissions
        return permissions

    def announce(self, event: str, data: Json) -> None:
        self.emit(event, data)
        self.changes.notify()

    # -- messages -----------------------------------------------------------------------------------------------

    def create_message(
        self,
        channel: Channel,
        author: User,
        body: Json,
        uploads: Mapping[int, Upload] | None = None,
        *,
        kind: int | None = None,
        extra: Json | None = None,
    ) -> Message:
        """Posts a message from a request body. A nonce that must be unique returns the message already posted."""
        nonce = body.get("nonce")
        if body.get("enforce_nonce") and (known := self._nonces.get((channel.id, str(nonce)))):
            return known
        message = Message(self.ids(), channel, author, flags=body.get("flags") or 0, nonce=nonce, extra=extra or {})
        message.reference = self._reference(channel, body, is_reply=kind is None)
        message.type = kind if kind is not None else REPLY if message.reference else 0
        self._apply(message, body, uploads or {})
        self._mention(message, body.get("allowed_mentions"))
        if nonce is not None:
            self._nonces[channel.id, str(nonce)] = message
        self.publish(message)
        return message

    def forget_nonces(self) -> None:
        """As if minutes had passed: a nonce from before is as good as a new one."""
        self._nonces.clear()

    def publish(self, message: Message) -> None:
        """Puts a finished message where its readers find it."""
        if message.ephemeral:
            self.private_messages[message.id] = message
            self.changes.notify()
            return
        message.channel.messages[message.id] = message
        message.channel.archived = False
        self.announce("MESSAGE_CREATE", self.message_event(message))

    def edit_message(self, message: Message, body: Json, uploads: Mapping[int, Upload] | None = None) -> Message:
        """Changes what the body names and leaves the rest. Edits notify nobody."""
        settable = COMPONENTS_V2 | SUPPRESS_EMBEDS
        if (flags := body.get("flags")) is not None:
            message.flags = (message.flags & ~SUPPRESS_EMBEDS) | (flags & settable)
        first = message.loading
        message.flags &= ~LOADING
        self._apply(message, body, uploads or {})
        if first:
            self._mention(message, body.get("allowed_mentions"))
        else:
            message.edits += 1
        message.edited_at = now()
        self._announce_update(message)
        return message

    def delete_message(self, message: Message) -> None:
        self.private_messages.pop(message.id, None)
        if message.channel.messages.pop(message.id, None):
            ids = {"channel_id": str(message.channel.id), **self._guild_of(message)}
            self.announce("MESSAGE_DELETE", {"id": str(message.id), **ids})
        self.changes.notify()

    def pin(self, message: Message, *, pinned: bool) -> None:
        message.pinned = pinned
        self._announce_update(message)
        where = {"channel_id": str(message.channel.id), "guild_id": str(self.guild_id)}
        self.announce("CHANNEL_PINS_UPDATE", {**where, "last_pin_timestamp": now()})

    def message_event(self, message: Message) -> Json:
        member = self.members.get(message.author.id)
        extra = {"member": member.partial()} if member and not message.channel.is_direct else {}
        return {**message.json(), **self._guild_of(message), **extra}

    def _guild_of(self, message: Message) -> Json:
        """Direct messages have none."""
        return {} if message.channel.is_direct else {"guild_id": str(self.guild_id)}

    def _announce_update(self, message: Message) -> None:
        if message.flags & EPHEMERAL:
            self.changes.notify()
        else:
            self.announce("MESSAGE_UPDATE", self.message_event(message))

    def _reference(self, channel: Channel, body: Json, *, is_reply: bool) -> Message | None:
        reference: Json | None = body.get("message_reference")
        if not reference:
            return None
        for other in (*self.channels.values(), *self._direct.values()):
            if found := other.messages.get(int(reference["message_id"])):
                if is_reply and other is not channel:
                    raise errors.invalid_body(["message_reference: Cannot reply to a message in a different channel"])
                return found
        if reference.get("fail_if_not_exists", True):
            raise errors.invalid_body(["message_reference: Unknown message"])
        return None

    def _apply(self, message: Message, body: Json, uploads: Mapping[int, Upload]) -> None:
        message.attachments = self._attachments(message, body, uploads)
        if "content" in body:
            message.content = body["content"] or ""
        if "embeds" in body:
            message.embeds = [{"type": "rich", **embed} for embed in items(body, "embeds")]
        if "components" in body:
            files = {attachment.filename: attachment.json() for attachment in message.attachments}
            message.components = ui.completed(items(body, "components"), files)

    def _attachments(self, message: Message, body: Json, uploads: Mapping[int, Upload]) -> list[Attachment]:
        named: dict[int, Json] = {int(each["id"]): each for each in items(body, "attachments")}
        listed = "attachments" in body
        kept = [each for each in message.attachments if not listed or each.id in named]
        return kept + [self._attach(upload, named.get(number, {})) for number, upload in uploads.items()]

    def upload(self, upload: Upload) -> Attachment:
        """A file that goes with a command, and is in no message."""
        made = self._attach(upload, {})
        self._uploaded.append(made)
        return made

    def all_attachments(self) -> Iterable[Attachment]:
        """Those of all messages and commands."""
        yield from self._uploaded
        for message in self.all_messages():
            yield from message.attachments

    def _attach(self, upload: Upload, described: Json) -> Attachment:
        number = self.ids()
        filename = described.get("filename") or upload.filename
        content_type = mimetypes.guess_type(filename)[0] or "application/octet-stream"
        url = f"{self._cdn_url()}/attachments/{number}/{filename}"
        voice = {key: described[key] for key in ("duration_secs", "waveform") if key in described}
        told = described.get("description")
        return Attachment(number, filename, upload.data, content_type, url, told, upload.size, voice)

    def _mention(self, message: Message, allowed: Json | None) -> None:
        answered = message.reference.author.id if message.reference else None
        shown = [message.content, *ui.texts(message.components)]
        found = mentions.pings(shown, allowed, answered)
        by_role = {m.user.id for m in self.members.values() if found.roles & {role.id for role in m.roles}}
        direct = {user for user in found.users if user in self.members}
        everyone = set(self.members) if found.everyone else set[int]()
        message.mentions = tuple(self.members[user].user for user in sorted(direct))
        message.role_pings, message.pings_everyone = found.roles & set(self.roles), found.everyone
        message.pings = frozenset((direct | by_role | everyone) - {message.author.id})

    # -- threads ------------------------------------------------------------------------------------------------

    def create_thread(self, parent: Channel, owner: User, body: Json, kind: int, starter: Message | None) -> Channel:
        """Opens a thread; one that hangs on a message has that message's id."""
        if starter and starter.id in self.channels:
            raise errors.thread_exists()
        thread = Channel(starter.id if starter else self.ids(), body["name"], self.guild_id, kind, parent.id, owner.id)
        thread.auto_archive_minutes = body.get("auto_archive_duration") or 1440
        thread.member_ids.add(owner.id)
        self.channels[thread.id] = thread
        self.announce("THREAD_CREATE", {**self.thread_json(thread), "newly_created": True})
        if starter:
            starter.thread, starter.flags = thread, starter.flags | HAS_THREAD
            self._announce_update(starter)
        return thread

    def edit_channel(self, channel: Channel, body: Json) -> None:
        channel.name = body.get("name") or channel.name
        channel.topic = body.get("topic", channel.topic)
        channel.archived = body.get("archived", channel.archived)
        channel.locked = body.get("locked", channel.locked)
        channel.auto_archive_minutes = body.get("auto_archive_duration") or channel.auto_archive_minutes
        self.announce("THREAD_UPDATE" if channel.is_thread else "CHANNEL_UPDATE", channel.json())

    def delete_channel(self, channel: Channel) -> None:
        del self.channels[channel.id]
        event = "THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE"
        self.announce(event, channel.json())

    def threads(self, parent: Channel | None = None) -> list[Channel]:
        """The threads of a channel, or of the guild."""
        wanted = None if parent is None else parent.id
        return [each for each in self.channels.values() if each.is_thread and wanted in {None, each.parent_id}]

    def thread_json(self, thread: Channel) -> Json:
        joined: dict[str, Any] = {}
        if self.bot.id in thread.member_ids:
            joined = {"member": thread.membership(self.bot.id)}
        return {**thread.json(), **joined}
