"""Keeps secrets out of what is shown, stored or sent: every occurrence becomes `[masked]`."""

from __future__ import annotations

import base64
import builtins
import json
from collections.abc import Iterable, Iterator
from typing import Any, cast
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

MASKED = "[masked]"
SHORTEST = 8
"""Characters. A shorter secret is not looked for: it occurs by chance, and masking would garble everything and give it away."""

_MASKED = MASKED.encode()


class Mask:
    """Knows the secrets as they are and JSON-escaped, URL-quoted and in base64, there also within a longer value.

    Where occurrences overlap, their union is masked, so no piece of the one survives the other's mask. Base64 that is
    broken into lines is not recognised.
    """

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        values = [secret.get_secret_value() for secret in secrets]
        found = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
        self._forms = tuple(sorted(found, key=len, reverse=True))

    def stream(self) -> MaskedStream:
        """A filter for bytes that arrive in pieces."""
        return MaskedStream(self._forms)

    def json(self, value: Any) -> Any:
        """A JSON value with every string in it masked, names of fields too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.json(item) for item in cast("Iterable[Any]", value)]
        if isinstance(value, dict):
            return {self.json(name): self.json(item) for name, item in cast("dict[Any, Any]", value).items()}
        return value

    def text(self, text: str) -> str:
        """The text, masked."""
        data = text.encode("utf-8", "surrogatepass")
        masked = self.bytes(data)
        return text if masked is data else masked.decode("utf-8", "surrogatepass")

    def bytes(self, data: builtins.bytes) -> builtins.bytes:
        """The bytes, masked; the same object if there was nothing to mask."""
        if not any(form in data for form in self._forms):
            return data
        stream = self.stream()
        return stream.feed(data) + stream.flush()


class MaskedStream:
    """Masks a stream whatever its pieces. It holds back what may be a secret's beginning: less than the longest form."""

    def __init__(self, forms: tuple[bytes, ...]) -> None:
        self._forms = forms
        self._held = b""
        self._covered = 0
        """How many of the held bytes belong to an occurrence whose mark is out already."""

    def feed(self, chunk: bytes) -> bytes:
        """What can be told of the stream so far; the rest follows with a later call."""
        data = self._held + chunk
        return self._pass(data, _undecided(data, self._forms))

    def flush(self) -> bytes:
        """The rest, at the stream's end."""
        return self._pass(self._held, len(self._held))

    def _pass(self, data: bytes, end: int) -> bytes:
        """Give out data[:end], where every occurrence that begins is complete in data, and hold the rest."""
        out: list[bytes] = []
        position = self._covered
        for start, stop in _occurrences(data, self._forms):
            if start >= end:
                break
            if start >= position:
                out += [data[position:start], _MASKED]
            position = max(position, stop)
        out.append(data[position:end])
        self._held, self._covered = data[end:], max(0, position - end)
        return b"".join(out)


def _occurrences(data: bytes, forms: tuple[bytes, ...]) -> list[tuple[int, int]]:
    return sorted((start, start + len(form)) for form in forms for start in _starts(data, form))


def _starts(data: bytes, form: bytes) -> Iterator[int]:
    start = data.find(form)
    while start >= 0:
        yield start
        start = data.find(form, start + 1)


def _undecided(data: bytes, forms: tuple[bytes, ...]) -> int:
    """Where the earliest beginning of a form stands that the data's end cuts off; the data's length if there is none."""
    return min((_cut_off(data, form) for form in forms), default=len(data))


def _cut_off(data: bytes, form: bytes) -> int:
    start = data.find(form[:1], max(0, len(data) - len(form) + 1))
    while start >= 0:
        if form.startswith(data[start:]):
            return start
        start = data.find(form[:1], start + 1)
    return len(data)


def _forms(secret: str) -> Iterator[bytes]:
    plain = secret.encode("utf-8", "surrogatepass")
    yield plain
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass")
    for quoted in (quote(plain), quote(plain, safe=""), quote_plus(plain)):
        yield quoted.encode()
        yield _lower_hex(quoted).encode()
    yield from _base64(plain)


def _lower_hex(quoted: str) -> str:
    head, *parts = quoted.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts)


def _base64(plain: bytes) -> Iterator[bytes]:
    """Whole, and as it stands within a longer value: there the characters at both ends hold bits of the neighbours too."""
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        yield encode(plain)
        for shift in range(3):
            bits = 8 * (shift + len(plain))
            yield encode(bytes(shift) + plain)[-(-8 * shift // 6) : bits // 6]
