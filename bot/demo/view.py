"""What the page shows, as JSON: the whole at first, then only what changed."""

import json
from collections.abc import Iterable

from simcord.backend.models import Channel, Message

from bot.demo.world import THREAD_CREATED, Json, World

MESSAGES_MAX = 400
"""Messages of one channel that a page holds."""


def guild_view(world: World) -> Json:
    """The guild, its channel and threads, and who is who."""
    backend = world.backend
    people = {str(user.id): user.global_name or user.name for user in backend.users.values()}
    return {
        "guild": backend.get_guild(world.guild_id).name,
        "person": str(world.person_id),
        "people": people,
        "channel": _channel_view(world.channel(world.channel_id)),
        "threads": [_channel_view(thread) for thread in world.threads()],
    }


def message_view(world: World, message: Message) -> Json:
    """One message as the API describes it, with the thread that hangs on it."""
    payload = world.payload(message)
    thread = world.backend.channels.get(message.id)
    if thread is not None:
        payload["thread"] = _channel_view(thread)
    return payload


def shown(world: World, channel_id: int) -> list[Message]:
    """The messages of a channel or thread that Discord's client shows, the message a thread hangs on first."""
    starter = world.backend.messages.get(world.channel(channel_id).parent_id or 0, {}).get(channel_id)
    visible = [m for m in world.messages(channel_id) if m.type != THREAD_CREATED]
    return ([starter] if starter is not None else []) + visible[-MESSAGES_MAX:]


class Changes:
    """One page's view of some channels; remembers what that page already has."""

    def __init__(self, world: World, channel_ids: Iterable[int]) -> None:
        self._world = world
        self._sent: dict[int, dict[int, str]] = {channel_id: {} for channel_id in channel_ids}
        self._guild = ""

    def next(self) -> str | None:
        """What changed since the last call, as JSON text; None when nothing did."""
        channels = {str(channel_id): part for channel_id in self._sent if (part := self._channel(channel_id))}
        guild = self._world.dump(guild_view(self._world))
        if guild == self._guild and not channels:
            return None
        changed = f'"guild":{guild},' if guild != self._guild else ""
        self._guild = guild
        return f'{{{changed}"channels":{json.dumps(channels)}}}'

    def _channel(self, channel_id: int) -> Json | None:
        known = self._sent[channel_id]
        now = {m.id: self._world.dump(message_view(self._world, m)) for m in shown(self._world, channel_id)}
        changed = {str(i): json.loads(text) for i, text in now.items() if known.get(i) != text}
        if not changed and len(known) == len(now):
            return None
        self._sent[channel_id] = now
        return {"order": [str(i) for i in now], "messages": changed}


def _channel_view(channel: Channel) -> Json:
    meta = channel.thread_metadata
    return {
        "id": str(channel.id),
        "name": channel.name,
        "messages": channel.message_count,
        "archived": meta is not None and meta.archived,
    }
