"""The endpoints for channels, messages and threads."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from urllib.parse import unquote

from . import checks, command_checks, errors
from .model import PRIVATE_THREAD, PUBLIC_THREAD, THREAD_CREATED, THREAD_STARTER, Channel, Message, now
from .rest import Call, Reply, Route, route
from .sessions import MESSAGE_CONTENT, without_content
from .state import World
from .wire import Json

_CHANNEL = "/channels/{channel_id}"
_MESSAGE = "/channels/{channel_id}/messages/{message_id}"


class MessageEndpoints:
    """Posting, reading, editing, pinning and deleting messages."""

    def __init__(self, world: World, granted_intents: int) -> None:
        self._world = world
        self._shows_content = bool(granted_intents & MESSAGE_CONTENT)

    def routes(self) -> list[Route]:
        pins = f"{_CHANNEL}/messages/pins"
        reaction = f"{_MESSAGE}/reactions/{{emoji_name}}/@me"
        return [
            route("GET", pins, self._pins),
            route("PUT", f"{pins}/{{message_id}}", lambda call: self._pin(call, pinned=True)),
            route("DELETE", f"{pins}/{{message_id}}", lambda call: self._pin(call, pinned=False)),
            route("GET", f"{_CHANNEL}/messages", self._list),
            route("POST", f"{_CHANNEL}/messages", self._create, self._check_new),
            route("GET", _MESSAGE, lambda call: (200, self._seen(self._message(call)))),
            route("PATCH", _MESSAGE, self._edit, self._check_edit),
            route("DELETE", _MESSAGE, self._delete),
            route("PUT", reaction, self._react),
            route("DELETE", reaction, self._unreact),
        ]

    def _message(self, call: Call) -> Message:
        return self._world.message(call.id("channel_id"), call.id("message_id"))

    def _check_new(self, call: Call) -> Iterable[str]:
        return checks.message(call.body, call.uploads)

    def _check_edit(self, call: Call) -> Iterable[str]:
        return checks.message(call.body, call.uploads, self._message(call))

    def _create(self, call: Call) -> Reply:
        channel = self._world.channel(call.id("channel_id"))
        return 200, self._world.create_message(channel, self._world.bot, call.body, call.uploads).json()

    def _edit(self, call: Call) -> Reply:
        message = self._message(call)
        if message.author != self._world.bot:
            raise errors.not_author()
        if message.channel.archived:
            raise errors.thread_archived()
        return 200, self._world.edit_message(message, call.body, call.uploads).json()

    def _delete(self, call: Call) -> Reply:
        self._world.delete_message(self._message(call))
        return 204, None

    def _list(self, call: Call) -> Reply:
        """Newest first, as Discord lists them, also with `after`: then the oldest of the newer ones."""
        messages = sorted(self._world.channel(call.id("channel_id")).messages.values(), key=lambda each: each.id)
        limit = int(call.query.get("limit", "50"))
        if "before" in call.query:
            messages = [each for each in messages if each.id < int(call.query["before"])]
        if "after" in call.query:
            messages = [each for each in messages if each.id > int(call.query["after"])][:limit]
        if "around" in call.query:
            middle = int(call.query["around"])
            messages = sorted(messages, key=lambda each: abs(each.id - middle))[:limit]
        newest = sorted(messages, key=lambda each: each.id)[-limit:]
        return 200, [self._seen(each) for each in reversed(newest)]

    def _seen(self, message: Message) -> Json:
        """The message as the API shows it to the bot."""
        data = message.json()
        if counted := [_reaction(*each, self._world.bot.id) for each in message.reactions.items() if each[1]]:
            data["reactions"] = counted
        return data if self._shows_content else without_content(data, str(self._world.bot.id))

    def _pins(self, call: Call) -> Reply:
        messages = self._world.channel(call.id("channel_id")).messages.values()
        pinned = [{"pinned_at": now(), "message": self._seen(each)} for each in messages if each.pinned]
        return 200, {"items": pinned, "has_more": False}

    def _pin(self, call: Call, *, pinned: bool) -> Reply:
        self._world.pin(self._message(call), pinned=pinned)
        return 204, None

    def _react(self, call: Call) -> Reply:
        emoji = unquote(call.params["emoji_name"])
        self._message(call).reactions.setdefault(emoji, set()).add(self._world.bot.id)
        return 204, None

    def _unreact(self, call: Call) -> Reply:
        emoji = unquote(call.params["emoji_name"])
        self._message(call).reactions.get(emoji, set[int]()).discard(self._world.bot.id)
        return 204, None


def _reaction(emoji: str, users: AbstractSet[int], me: int) -> Json:
    """https://discord.com/developers/docs/resources/message#reaction-object"""
    return {
        "emoji": {"id": None, "name": emoji},
        "count": len(users),
        "count_details": {"burst": 0, "normal": len(users)},
        "me": me in users,
        "me_burst": False,
        "burst_colors": [],
    }


class ChannelEndpoints:
    """Channels, and threads in them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        member = f"{_CHANNEL}/thread-members/{{user_id}}"
        return [
            route("GET", _CHANNEL, lambda call: (200, self._json(self._channel(call)))),
            route("PATCH", _CHANNEL, self._edit, self._check_thread),
            route("DELETE", _CHANNEL, self._delete),
            route("POST", f"{_CHANNEL}/typing", self._typing),
            route("POST", f"{_MESSAGE}/threads", self._thread_on_message, self._check_thread),
            route("POST", f"{_CHANNEL}/threads", self._thread, self._check_thread),
            route("GET", f"{_CHANNEL}/threads/archived/public", self._archived),
            route("PUT", f"{_CHANNEL}/thread-members/@me", lambda call: self._join(call, self._world.bot.id)),
            route("PUT", member, lambda call: self._join(call, call.id("user_id"))),
            route("DELETE", member, self._leave),
        ]

    def _channel(self, call: Call) -> Channel:
        return self._world.channel(call.id("channel_id"))

    def _json(self, channel: Channel) -> Json:
        return self._world.thread_json(channel) if channel.is_thread else channel.json()

    def _check_thread(self, call: Call) -> Iterable[str]:
        return command_checks.thread(call.body)

    def _edit(self, call: Call) -> Reply:
        channel = self._channel(call)
        if channel.archived and call.body.get("archived") is not False:
            raise errors.thread_archived()
        self._world.edit_channel(channel, call.body)
        return 200, self._json(channel)

    def _delete(self, call: Call) -> Reply:
        channel = self._channel(call)
        self._world.delete_channel(channel)
        return 200, self._json(channel)

    def _typing(self, call: Call) -> Reply:
        self._channel(call).typing += 1
        self._world.changes.notify()
        return 204, None

    def _thread_on_message(self, call: Call) -> Reply:
        parent, world = self._channel(call), self._world
        starter = world.message(parent.id, call.id("message_id"))
        thread = world.create_thread(parent, world.bot, call.body, PUBLIC_THREAD, starter)
        reference: Json = {"message_reference": {"message_id": str(starter.id)}, "allowed_mentions": {"parse": []}}
        world.create_message(thread, world.bot, reference, kind=THREAD_STARTER)
        return 201, world.thread_json(thread)

    def _thread(self, call: Call) -> Reply:
        """A thread that hangs on no message; a public one is announced in the parent, as Discord does."""
        parent, world = self._channel(call), self._world
        kind = call.body.get("type") or PRIVATE_THREAD
        thread = world.create_thread(parent, world.bot, call.body, kind, None)
        if kind == PUBLIC_THREAD:
            world.create_message(
                parent, world.bot, {"content": thread.name, "allowed_mentions": {"parse": []}}, kind=THREAD_CREATED
            )
        return 201, world.thread_json(thread)

    def _archived(self, call: Call) -> Reply:
        threads = [thread for thread in self._world.threads(self._channel(call)) if thread.archived]
        return 200, {"threads": [self._json(thread) for thread in threads], "members": [], "has_more": False}

    def _join(self, call: Call, user_id: int) -> Reply:
        self._world.member(user_id)
        self._channel(call).member_ids.add(user_id)
        self._world.changes.notify()
        return 204, None

    def _leave(self, call: Call) -> Reply:
        self._channel(call).member_ids.discard(call.id("user_id"))
        return 204, None
