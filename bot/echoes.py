"""Which of the messages that people typed an agent took, as its log says it."""

from __future__ import annotations

from bot.listener import Listener
from vps.events.asked import Answered
from vps.events.types import Edited, Event, UserMessage


class Echoes:
    """Tells the thread's listener, and keeps it until there is one."""

    def __init__(self) -> None:
        self._listener: Listener | None = None
        self._taken: set[str] = set()
        self._versions: dict[str, str] = {}
        """By the ids of words that came in the place of a message's: that message's id."""
        self._kept: set[str] = set()

    def listen(self, listener: Listener) -> None:
        """This one is to know, all of what came before too."""
        self._listener = listener
        listener.took(self._taken)
        listener.kept(self._kept)

    def feed(self, event: Event) -> None:
        """Take in the log's next event."""
        if isinstance(event, UserMessage) and event.is_replay:
            self._took(event.uuid)
        elif isinstance(event, Answered) and event.call:
            self._took(event.call)
        elif isinstance(event, Edited):
            self._edited(event)

    def _took(self, message_id: str) -> None:
        message_id = self._versions.get(message_id, message_id)
        self._taken.add(message_id)
        if self._listener is not None:
            self._listener.took([message_id])

    def _edited(self, event: Edited) -> None:
        if not event.by:
            return  # taken back, which is shown nowhere
        if not event.is_late:
            self._versions[event.by] = event.message_id
        else:
            self._kept.add(event.message_id)
            if self._listener is not None:
                self._listener.kept([event.message_id])
