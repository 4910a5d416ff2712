"""The state of the embedded Discord: one guild, one channel, one person and one bot.

SimCord's backend holds it, because it refuses what Discord refuses (lengths, component totals, double answers,
permissions) with Discord's error codes. Only the backend and its route table are used, not SimCord's test
environment: that waits until the bot is idle and puts its timers on a virtual clock, which a bot with live
sockets never survives. Here the clock is the wall clock.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from simcord.backend import Backend, serializers
from simcord.backend.cdn import CDN_BASE
from simcord.backend.models import Channel, Interaction, Message

Json = dict[str, Any]
Listener = Callable[[str, str], None]
T = TypeVar("T")

MESSAGE_CONTENT = 1 << 19
"""Flag of an application that may read messages, https://discord.com/developers/docs/resources/application#application-object."""
THREAD_CREATED = 18
"""Message type of "started a thread", https://discord.com/developers/docs/resources/message#message-object."""


class World:
    """A guild in memory, on the wall clock.

    `url` is where its attachments are served from; every payload that leaves the world names that address.
    """

    def __init__(self, *, guild: str, channel: str, person: str, bot: str) -> None:
        self.url = ""
        self.backend = Backend()
        self.tick()
        self.backend.bot_user.name = bot
        self.person_id = self.backend.make_user(person.lower(), global_name=person).id
        self.guild_id = self.backend.create_guild(guild, owner_id=self.person_id).id
        self.channel_id = self.backend.create_channel(self.guild_id, channel).id
        self._listeners: list[Listener] = []
        self._pulse = asyncio.Event()
        self.backend.subscribers.append(self._emit)

    def tick(self) -> None:
        """Move the backend's clock to now; called before everything that reads or writes its state."""
        behind = (datetime.now(UTC) - self.backend.clock.now()).total_seconds()
        self.backend.advance_clock(max(0.0, behind))
        del self.backend.transcript[:-200], self.backend.http_requests[:-200]

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hand every gateway event (name, payload as JSON text) to `listener`; call what is returned to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def dump(self, payload: object) -> str:
        """`payload` as JSON text, its attachment addresses pointing at this server."""
        return json.dumps(payload).replace(CDN_BASE, f"{self.url}/cdn")

    def _emit(self, event: str, payload: Mapping[str, Any]) -> None:
        text = self.dump(payload)
        for listener in tuple(self._listeners):
            listener(event, text)
        self.touch()

    def touch(self) -> None:
        """Wake everybody who waits for a change."""
        self._pulse.set()
        self._pulse = asyncio.Event()

    def pulse(self) -> asyncio.Event:
        """An event set at the next change; take it before reading the state."""
        return self._pulse

    async def until(self, read: Callable[[], T | None], timeout: float) -> T:
        """The first value of `read` that is not None; raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while True:
                pulse = self.pulse()
                value = read()
                if value is not None:
                    return value
                await pulse.wait()

    def channel(self, channel_id: int) -> Channel:
        """The channel or thread; raises BackendError (404) when there is none."""
        return self.backend.get_channel(channel_id)

    def threads(self) -> list[Channel]:
        """Every thread, the newest first."""
        found = [self.backend.channels[i] for i in self.backend.get_guild(self.guild_id).thread_ids]
        return sorted(found, key=lambda thread: thread.id, reverse=True)

    def messages(self, channel_id: int) -> list[Message]:
        """What the person sees in a channel, in order: others' ephemeral answers are not among it."""
        stored = self.backend.messages.get(channel_id, {}).values()
        return [m for m in stored if m.visible_to(self.person_id)]

    def payload(self, message: Message) -> Json:
        """A message as the API would describe it to the person."""
        return cast("Json", serializers.message_payload(self.backend, message, for_user=self.person_id))

    def attachment(self, path: str) -> bytes | None:
        """The bytes of `attachments/<channel>/<id>/<name>`."""
        return self.backend.cdn.get(f"{CDN_BASE}/{path}")

    def interaction(self, interaction_id: int) -> Interaction | None:
        """An interaction and what the bot answered so far."""
        return self.backend.interactions.get(interaction_id)
