"""Discord's limits per channel and for the whole bot, announced in headers and enforced with 429.

Headers and the 50 requests a second of a bot: https://discord.com/developers/docs/topics/rate-limits. The numbers of a bucket
are not documented; about 5 messages in 5 s were seen.
"""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass, field

_MESSAGES = re.compile(r"/channels/(\d+)/messages(/\d+)?")


@dataclass(frozen=True)
class Grant:
    """What a bucket says to one request; `retry_after` is 0 when it may pass. Seconds."""

    headers: dict[str, str]
    retry_after: float
    everywhere: bool = False


@dataclass
class RateLimits:
    """Buckets for posting and for editing messages, per channel, off while `allowed` is 0; and one of `everywhere` requests a
    second for all endpoints but interactions' answers, off while that is 0."""

    allowed: int = 0
    per_seconds: float = 5.0
    everywhere: int = 0
    refused: int = 0
    """How many requests came too early."""
    _sent: dict[tuple[str, str], deque[float]] = field(default_factory=dict[tuple[str, str], "deque[float]"])
    _all: deque[float] = field(default_factory=deque[float])

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
        sent = self._sent.setdefault(bucket, deque())
        wait = self._used(sent, self.allowed, self.per_seconds)
        reset_after = sent[0] + self.per_seconds - time.monotonic()
        return Grant(self._headers(bucket, self.allowed - len(sent), reset_after), wait)

    def _used(self, sent: deque[float], allowed: int, per_seconds: float) -> float:
        """Count one more, or the seconds until one more may come."""
        now = time.monotonic()
        while sent and sent[0] <= now - per_seconds:
            sent.popleft()
        if len(sent) < allowed:
            sent.append(now)
            return 0.0
        self.refused += 1
        return sent[0] + per_seconds - now

    def _headers(self, bucket: tuple[str, str], remaining: int, reset_after: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.allowed),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{time.time() + reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            "X-RateLimit-Bucket": f"messages-{bucket[0].lower()}",
        }
