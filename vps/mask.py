"""Our own secrets, hidden in everything that is relayed, stored or answered."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import quote

from pydantic import SecretStr

MASKED = "[masked]"
SHORTEST = 8
"""Characters. A shorter secret is no secret, and hiding it would hide half of what is said."""


class Mask:
    """Replaces each secret, also in its JSON-escaped, URL-quoted and base64 form, by `[masked]`."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        values = {secret.get_secret_value() for secret in secrets}
        forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        # The longest first: a secret that holds another is hidden whole.
        self._forms = sorted((form.encode() for form in forms), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._forms))) if self._forms else None
        self._text = re.compile("|".join(re.escape(form.decode()) for form in self._forms)) if self._forms else None

    def text(self, text: str) -> str:
        """The text without our secrets."""
        return self._text.sub(MASKED, text) if self._text else text

    def bytes(self, data: bytes) -> bytes:
        """The bytes without our secrets."""
        return self._pattern.sub(MASKED.encode(), data) if self._pattern else data

    def json(self, value: Any) -> Any:
        """A JSON value with every string masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {self.text(key): self.json(item) for key, item in items}
        if isinstance(value, list):
            return [self.json(item) for item in cast("list[Any]", value)]
        return value

    def stream(self) -> MaskedStream:
        """For bytes that come in pieces: no secret gets through across a boundary."""
        return MaskedStream(self, self._forms)


class MaskedStream:
    """Holds back as much of the end as could be the beginning of a secret."""

    def __init__(self, mask: Mask, forms: list[bytes]) -> None:
        self._mask = mask
        self._forms = forms
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What is safe to show by now."""
        data = self._mask.bytes(self._held + chunk)
        keep = max((_overlap(data, form) for form in self._forms), default=0)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def flush(self) -> bytes:
        """The rest, when no more will come."""
        rest, self._held = self._held, b""
        return rest


def _overlap(data: bytes, form: bytes) -> int:
    """The length of the longest end of `data` that begins `form`."""
    for size in range(min(len(data), len(form) - 1), 0, -1):
        if data.endswith(form[:size]):
            return size
    return 0


def _forms(value: str) -> Iterable[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield quote(value, safe="")
    raw = value.encode()
    # The three alignments base64 can have, less the characters that depend on what stands around it.
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        yield encoded[(0, 2, 3)[lead] : len(encoded) - (1 if (lead + len(raw)) % 3 else 0)]
