"""What agents tell people from inside, and whom they start, as lines of a thread."""

from __future__ import annotations

from vps.events.types import AgentCalled, Notified
from vps.run import short

from .text import inline_code, plain


def told(event: Notified, asker: str) -> str:
    """What the one who asked is told."""
    return " ".join(filter(None, (asker, f"📣 {plain(event.text).strip()}")))


def started(event: AgentCalled) -> str:
    """A child with its thread; empty for what started none."""
    if not event.child:
        return ""
    return f"🐣 Child {inline_code(short(event.child))} started" + (f" in <#{event.thread}>" if event.thread else "")
