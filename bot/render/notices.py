"""One line for what happens to a run besides its agent's words and tools."""

from __future__ import annotations

from collections.abc import Sequence

from vps.activity import trouble
from vps.events.types import ApiRetry, Compacted, Gateway, ModelFallback, RateLimit, Refusal, Supervisor

from .text import HUGE, count, duration, inline_code, one_line

CHARS = 400
"""Most characters of foreign text in a notice."""

_WINDOWS = {
    "five_hour": "5-hour",
    "seven_day": "7-day",
    "seven_day_opus": "7-day Opus",
    "seven_day_sonnet": "7-day Sonnet",
}


def line(text: str, limit: int = CHARS) -> str:
    """Foreign text on one line."""
    return one_line(text, limit)


def retry(event: ApiRetry) -> str:
    """The wait before the next request."""
    return f"🔁 {trouble(event)}, retry {event.attempt}/{event.max_retries} in {_wait(event.delay_ms)}"


def retried(event: ApiRetry) -> str:
    """What is left of the waits when they are over."""
    return f"🔁 {trouble(event)}, retried {count(event.attempt, 'time')}"


def _wait(ms: float) -> str:
    return duration(round(ms, -2) if 0 <= ms < HUGE else ms)


def fallback(event: ModelFallback) -> str:
    """The change of model."""
    reason = f" · {line(event.text)}" if event.text else ""
    return f"↪️ Model {inline_code(event.original)} → {inline_code(event.fallback)}{reason}"


def refusal(event: Refusal) -> str:
    """The model's refusal with the reason it gave."""
    reason = " · ".join(line(part) for part in (event.category, event.explanation, event.text) if part)
    return "🚫 The model declined" + (f" · {reason}" if reason else "")


def limit(event: RateLimit) -> str:
    """The subscription's limit; its reset in each reader's own time zone. Empty when all is well."""
    if event.status == "allowed":
        return ""
    window = _WINDOWS.get(event.kind or "", line((event.kind or "").replace("_", " "), 40))
    name = f"{window} usage limit".strip().capitalize()
    used = f" · {event.utilization:.0%} used" if event.utilization is not None and 0 <= event.utilization < 100 else ""
    resets = (
        f" · resets <t:{event.resets_at:.0f}:R>" if event.resets_at is not None and 0 <= event.resets_at < HUGE else ""
    )
    return (f"⛔ {name} reached" if event.status == "rejected" else f"⚠️ {name} near") + used + resets


def supervisor(event: Supervisor) -> str:
    """What the supervisor did; empty for the ordinary course, which the card and the end tell."""
    match event.subtype:
        case "hung":
            then = "Resuming it did not help: giving up" if event.reason == "again" else "Interrupting it"
            return f"🧊 It hangs: {line(event.detail)}. {then}"
        case "resumed":
            return "▶️ Resumed in its session" + (", in a new process" if event.reason == "replaced" else "")
        case "bad_input":
            return "⚠️ A message could not be delivered" + (f": {line(event.detail)}" if event.detail else "")
        case "disk_low":
            return f"⚠️ It has added {line(event.detail)} to the disk. Beyond that it is ended"
        case _:
            return _ENDINGS.get(event.subtype, "")


_ENDINGS = {"timeout": "⏱️ The time is up, the agent is being interrupted", "stopping": "⏹️ Stopping"}


def gateway(event: Gateway) -> str:
    """What the gateway holds or let through, denied or warned of."""
    match event.subtype:
        case "paused":
            until = (
                f" It goes on <t:{event.until:.0f}:R>." if event.until is not None and 0 <= event.until < HUGE else ""
            )
            return f"⏸️ Paused: {line(event.text)}{'' if event.text.endswith('.') else '.'}{until}"
        case "unpaused":
            return "▶️ It goes on"
        case "warned":
            return f"⚠️ {line(event.text[:1].upper() + event.text[1:])}"
        case "denied" if event.inward:
            inward = "it leads to an inward address (AGENTFLOW_ALLOWED_NETWORKS)"
            return f"🚫 Not let through to {inline_code(event.host, 255)}: {inward}"
        case "denied":
            return f"🚫 Not let through to {inline_code(event.host, 255)}"
        case _:
            return "🚫 Not let through to more hosts than are told here"


def compacted(event: Compacted) -> str:
    """The conversation became shorter, by itself or on demand."""
    return "🗜️ Conversation compacted" + (f" ({line(event.trigger, 40)})" if event.trigger else "")


NO_SERVER = ("failed", "needs-auth", "disabled")
"""What the CLI says of an MCP server that it goes without."""


def servers(names: Sequence[str]) -> str:
    """MCP servers that the agent has to do without."""
    which = ", ".join(inline_code(name, 60) for name in names)
    return f"🔌 It goes without the MCP server {which}, which did not start. Check `mcp_config` and what it may reach"


def malformed(text: str, times: int) -> str:
    """Lines of the log that are no events; of one that is longer than a line may be, there is no text."""
    shown = f": {inline_code(text, 120)}" if text else ", too long or empty"
    return f"⚠️ {count(times, 'line')} of the log could not be read{shown}"
