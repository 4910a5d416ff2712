"""Discord's limits per channel, announced in headers and enforced with 429.

Headers: https://discord.com/developers/docs/topics/rate-limits. The numbers of a bucket are not documented; about
5 messages in 5 s were seen.
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


@dataclass
class RateLimits:
    """Buckets for posting and for editing messages, per channel. Off while `allowed` is 0."""

    allowed: int = 0
    per_seconds: float = 5.0
    refused: int = 0
    """How many requests came too early."""
    _sent: dict[tuple[str, str], deque[float]] = field(default_factory=dict[tuple[str, str], "deque[float]"])

    def take(self, method: str, path: str) -> Grant | None:
        """Counts a request; None when no bucket covers it."""
        match = _MESSAGES.fullmatch(path)
        if not self.allowed or method not in {"POST", "PATCH"} or match is None:
            return None
        return self._grant((method, match[1]))

    def _grant(self, bucket: tuple[str, str]) -> Grant:
        now = time.monotonic()
        sent = self._sent.setdefault(bucket, deque())
        while sent and sent[0] <= now - self.per_seconds:
            sent.popleft()
        full = len(sent) >= self.allowed
        self.refused += full
        if not full:
            sent.append(now)
        reset_after = sent[0] + self.per_seconds - now
        return Grant(self._headers(bucket, self.allowed - len(sent), reset_after), reset_after if full else 0.0)

    def _headers(self, bucket: tuple[str, str], remaining: int, reset_after: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.allowed),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{time.time() + reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            "X-RateLimit-Bucket": f"messages-{bucket[0].lower()}",
        }
