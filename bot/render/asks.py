"""What a line of the thread asks of people, as words: `allow:<host>`, `budget:<scope>`; `work:<workspace>`, to look at what was
done there; `ping`, that the one who asked comes."""

from __future__ import annotations

from vps.events.types import Gateway

LONGEST_HOST = 50
"""A button's custom_id takes 100 characters (Discord), of which the run's name and the rest need 50. A longer host is typed."""


def asks(event: Gateway) -> tuple[str, ...]:
    """What would help."""
    if event.subtype == "denied" and not event.inward and "?" not in event.host and len(event.host) <= LONGEST_HOST:
        return (f"allow:{event.host}",)
    if event.subtype in ("paused", "warned") and event.why in ("budget_run", "budget_person", "budget_day"):
        return (f"budget:{event.why.removeprefix('budget_')}",)
    return ()
