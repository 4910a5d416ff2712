"""Users, roles, channels and messages of the stand-in, and their JSON as Discord sends it.

Shapes follow https://discord.com/developers/docs/reference; ids are integers here and strings on the wire.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import components as ui
from .wire import Json

EPOCH_MS = 1_420_070_400_000
TEXT_CHANNEL, DIRECT, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 11, 12
DEFAULT_TYPE, PIN_ADDED, THREAD_CREATED, REPLY, SLASH_COMMAND, THREAD_STARTER = 0, 6, 18, 19, 20, 21
SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING, VOICE, COMPONENTS_V2 = 1 << 2, 1 << 5, 1 << 6, 1 << 7, 1 << 13, 1 << 15
MANAGE_GUILD, ALL_PERMISSIONS = 1 << 5, (1 << 53) - 1
# View, send, embed, attach, read history, commands, threads, send in threads: what a member has without any role.
EVERYONE_PERMISSIONS = sum(1 << bit for bit in (10, 11, 14, 15, 16, 31, 35, 38))


class Snowflakes:
    """Makes ids that carry the current time, as Discord's do, and never repeat or go backwards."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        now = (time.time_ns() // 1_000_000 - EPOCH_MS) << 22
        self._last = max(self._last + 1, now)
        return self._last


def now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True)
class User:
    id: int
    name: str
    bot: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def json(self) -> Json:
        return {
            "id": str(self.id),
            "username": self.name,
            "discriminator": "0000" if self.bot else "0",
            "avatar": None,
            "global_name": self.name,
            "public_flags": 0,
            "flags": 0,
            "bot": self.bot,
            "primary_guild": None,
        }


@dataclass(frozen=True)
class Role:
    id: int
    name: str
    permissions: int = 0
    position: int = 0

    @property
    def mention(self) -> str:
        return f"<@&{self.id}>"

    def json(self) -> Json:
        return {
            "id": str(self.id),
            "name": self.name,
            "permissions": str(self.permissions),
            "position": self.position,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": True,
            "icon": None,
            "unicode_emoji": None,
            "flags": 0,
        }


@dataclass
class Member:
    user: User
    roles: list[Role]
    joined_at: str = field(default_factory=now)

    def partial(self) -> Json:
        """The member without its user, as MESSAGE_CREATE carries it."""
        return {
            "roles": [str(role.id) for role in self.roles],
            "joined_at": self.joined_at,
            "nick": None,
            "avatar": None,
            "banner": None,
            "communication_disabled_until": None,
            "premium_since": None,
            "pending": False,
            "flags": 0,
            "mute": False,
            "deaf": False,
        }

    def json(self) -> Json:
        return {**self.partial(), "user": self.user.json()}


@dataclass(frozen=True)
class Attachment:
    id: int
    filename: str
    data: bytes = field(repr=False)
    content_type: str
    url: str
    description: str | None = None
    size: int | None = None
    """What Discord says of it, where that is another than it has."""
    voice: Json = field(default_factory=dict[str, Any])
    """`duration_secs` and `waveform` of a voice message."""

    def json(self) -> Json:
        optional = {"description": self.description} if self.description else {}
        return {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.data) if self.size is None else self.size,
            "url": self.url,
            "proxy_url": self.url,
            "content_type": self.content_type,
            **optional,
            **self.voice,
        }


@dataclass
class Channel:
    """A text channel, a thread when it has a parent, or what one user and the bot write to each other."""

    id: int
    name: str
    guild_id: int
    type: int = TEXT_CHANNEL
    parent_id: int | None = None
    owner_id: int | None = None
    archived: bool = False
    locked: bool = False
    auto_archive_minutes: int = 1440
    created_at: str = field(default_factory=now)
    topic: str | None = None
    position: int = 0
    member_ids: set[int] = field(default_factory=set[int])
    messages: dict[int, Message] = field(default_factory=dict[int, "Message"], repr=False)
    typing: int = 0
    """How often the bot has said that it is typing here."""

    @property
    def is_thread(self) -> bool:
        return self.type in {PUBLIC_THREAD, PRIVATE_THREAD}

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    @property
    def is_direct(self) -> bool:
        return self.type == DIRECT

    def json(self) -> Json:
        if self.is_direct:
            return {"id": str(self.id), "type": self.type, "flags": 0, "last_message_id": None, "recipients": []}
        common: Json = {
            "id": str(self.id),
            "type": self.type,
            "flags": 0,
            "guild_id": str(self.guild_id),
            "name": self.name,
            "parent_id": str(self.parent_id) if self.parent_id else None,
            "rate_limit_per_user": 0,
            "last_message_id": str(max(self.messages)) if self.messages else None,
        }
        return {**common, **(self._thread_json() if self.is_thread else self._text_json())}

    def _text_json(self) -> Json:
        return {"position": self.position, "topic": self.topic, "nsfw": False, "permission_overwrites": []}

    def _thread_json(self) -> Json:
        sent = sum(message.type != THREAD_STARTER for message in self.messages.values())
        return {
            "owner_id": str(self.owner_id),
            "message_count": sent,
            "total_message_sent": sent,
            "member_count": len(self.member_ids),
            "thread_metadata": {
                "archived": self.archived,
                "locked": self.locked,
                "auto_archive_duration": self.auto_archive_minutes,
                "archive_timestamp": self.created_at,
                "create_timestamp": self.created_at,
            },
        }

    def membership(self, user_id: int) -> Json:
        return {"id": str(self.id), "user_id": str(user_id), "join_timestamp": self.created_at, "flags": 0}


@dataclass
class Message:
    """A message; `edits` counts how often it was changed, `pings` whom its creation notified."""

    id: int
    channel: Channel = field(repr=False)
    author: User
    content: str = ""
    type: int = DEFAULT_TYPE
    flags: int = 0
    embeds: list[Json] = field(default_factory=list[Json])
    components: list[Json] = field(default_factory=list[Json])
    attachments: list[Attachment] = field(default_factory=list[Attachment])
    timestamp: str = field(default_factory=now)
    edited_at: str | None = None
    edits: int = 0
    nonce: str | int | None = None
    pinned: bool = False
    pings: frozenset[int] = frozenset()
    role_pings: frozenset[int] = frozenset()
    pings_everyone: bool = False
    mentions: tuple[User, ...] = ()
    reference: Message | None = None
    reactions: dict[str, set[int]] = field(default_factory=dict[str, "set[int]"])
    thread: Channel | None = None
    extra: Json = field(default_factory=dict[str, Any], repr=False)
    """Fields of interaction responses: `application_id`, `webhook_id`, `interaction_metadata`."""

    @property
    def text(self) -> str:
        """Everything a reader sees as text: content, embeds' titles, descriptions and fields, text displays."""
        embeds = [part for embed in self.embeds for part in ui.embed_texts(embed)]
        return "\n".join([*filter(None, [self.content]), *embeds, *ui.texts(self.components)])

    @property
    def buttons(self) -> list[ui.Button]:
        return ui.buttons(self.components)

    def button(self, label: str) -> ui.Button:
        """The button with this label. Raises `LookupError` when there is none."""
        for button in self.buttons:
            if button.label == label:
                return button
        raise LookupError(f"message {self.id} has no button {label!r}; it has {[b.label for b in self.buttons]}")

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        return bool(self.flags & LOADING)

    def json(self) -> Json:
        payload: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "type": self.type,
            "author": self.author.json(),
            "content": self.content,
            "timestamp": self.timestamp,
            "edited_timestamp": self.edited_at,
            "flags": self.flags,
            "embeds": self.embeds,
            "components": self.components,
            "attachments": [attachment.json() for attachment in self.attachments],
            "mentions": [user.json() for user in self.mentions],
            "mention_roles": [str(role) for role in sorted(self.role_pings)],
            "mention_everyone": self.pings_everyone,
            "pinned": self.pinned,
            "tts": False,
            **self.extra,
        }
        return {**payload, **self._optional()}

    def _optional(self) -> Json:
        payload: Json = {}
        if self.nonce is not None:
            payload["nonce"] = self.nonce
        if self.thread is not None:
            payload["thread"] = self.thread.json()
        if self.reference is not None:
            payload["message_reference"] = self._reference_json(self.reference)
            payload["referenced_message"] = {**self.reference.json(), "referenced_message": None}
        return payload

    def _reference_json(self, reference: Message) -> Json:
        return {
            "type": 0,
            "message_id": str(reference.id),
            "channel_id": str(reference.channel.id),
            "guild_id": str(reference.channel.guild_id),
        }
