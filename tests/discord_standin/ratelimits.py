"""Discord's limits per channel and for the whole bot, announced in headers and enforced with 429.

Headers and the 50 requests a second of a bot: https://discord.com/developers/docs/topics/rate-limits. The numbers of a bucket
are not documented; about 5 messages in 5 s were seen.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

_MESSAGES = re.compile(r"/channels/(\d+)/messages(/\d+)?")


@dataclass(frozen=True)
class Grant:
    """What a bucket says to one request; `retry_after` is 0 when it may pass. Seconds."""

    headers: dict[str, str]
    retry_after: float
    everywhere: bool = False


@dataclass
class Window:
    """It begins with its first request, and at its end all of a bucket is free again ("resets", in the headers)."""

    ends_at: float = 0.0
    used: int = 0


@dataclass
class RateLimits:
    """Buckets for posting and for editing messages, per channel, off while `allowed` is 0; and one of `everywhere` requests a
    second for all endpoints but interactions' answers, off while that is 0."""

    allowed: int = 0
    per_seconds: float = 5.0
    everywhere: int = 0
    refused: int = 0
    """How many requests came too early."""
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict[tuple[str, str], Window])
    _all: Window = field(default_factory=Window)

    def take(self, method: str, path: str) -> Grant | None:
        """Counts a request; None when no bucket covers it."""
        if self.everywhere and not path.startswith(("/interactions/", "/webhooks/")):
            wait = self._used(self._all, self.everywhere, 1.0)
            if wait:
                return Grant({}, wait, everywhere=True)
        match = _MESSAGES.fullmatch(path)
        if not self.allowed or method not in {"POST", "PATCH"} or match is None:
            return None
        return self._grant((method, match[1]))

    def _grant(self, bucket: tuple[str, str]) -> Grant:
        window = self._windows.setdefault(bucket, Window())
        wait = self._used(window, self.allowed, self.per_seconds)
        reset_after = window.ends_at - time.monotonic()
        return Grant(self._headers(bucket, self.allowed - window.used, reset_after), wait)

    def _used(self, window: Window, allowed: int, per_seconds: float) -> float:
        """Count one more, or the seconds until more may come."""
        now = time.monotonic()
        if now >= window.ends_at:
            window.ends_at, window.used = now + per_seconds, 0
        if window.used < allowed:
            window.used += 1
            return 0.0
        self.refused += 1
        return window.ends_at - now

    def _headers(self, bucket: tuple[str, str], remaining: int, reset_after: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.allowed),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{time.time() + reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            "X-RateLimit-Bucket": f"messages-{bucket[0].lower()}",
        }
