"""Keeps secrets out of what is shown, stored or sent: ours become `[masked]`, keys of a well-known format `[masked aws key]`."""

from __future__ import annotations

import base64
import builtins
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

from vps import key_formats

MASKED = "[masked]"
SHORTEST = 8
"""Characters. A shorter secret is not looked for: it occurs by chance, and masking would garble everything and give it away."""

_SHORTEST_LINE = 16
"""Characters of a line within a secret; shorter ones are brackets and words."""

_MASKED = MASKED.encode()
_MARK = re.compile(r"\[masked(?: [a-z ]+)?\]")
_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
"""A terminal's escape sequences (ECMA-48). What is shown is without them, so they must not hide a key."""
_IMAGE = re.compile(rb'("type":"base64",(?:"media_type":"[^"]{1,60}",)?"data":"|"base64":")[A-Za-z0-9+/=]+')
"""As the CLI (2.1.197) writes those that people send and those that its Read tool gives."""
_BLOCK = "PRIVATE KEY-----"
"""The one kind of key that has lines, so that a list may hold it in pieces."""


class Mask:
    """Knows our secrets as they are and JSON-escaped, URL-quoted and in base64, there also within a longer value; and
    anybody's keys by their format (`key_formats.py`), where they stand as they are, also in JSON and URLs.

    Where occurrences overlap, their union is masked, so no piece of the one survives the other's mask. Base64 that is
    broken into lines is not recognised. The same input gives the same output, whatever came before.
    """

    def __init__(self, secrets: Iterable[SecretStr] = ()) -> None:
        self._known = set[str]()
        self._forms: tuple[builtins.bytes, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[SecretStr]) -> None:
        """Hide these too from now on."""
        values = {secret.get_secret_value() for secret in secrets} - self._known
        self._known |= values
        parts = {part for value in values for part in _parts(value) if len(part) >= SHORTEST}
        found = {*self._forms, *(form for part in parts for form in _forms(part))}
        self._forms = tuple(sorted(found, key=lambda form: (len(form), form), reverse=True))

    def stream(self) -> MaskedStream:
        """A filter of our own secrets for bytes that arrive in pieces.

        A key's format is told by all of it: give whole lines to `bytes` or `line` for that.
        """
        return MaskedStream(self._forms)

    def json(self, value: Any) -> Any:
        """A JSON value with every string in it masked, names of fields too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return self._items(list(cast("Iterable[Any]", value)))
        if isinstance(value, dict):
            return {self.json(name): self.json(item) for name, item in cast("dict[Any, Any]", value).items()}
        return value

    def _items(self, items: list[Any]) -> list[Any]:
        if all(isinstance(item, str) for item in items) and any(_BLOCK in item for item in items):
            text = "\n".join(items)  # a diff's lines, say
            masked = self.text(text)
            return items if masked == text else masked.split("\n")
        return [self.json(item) for item in items]

    def line(self, data: builtins.bytes) -> builtins.bytes:
        """A line of JSON, masked in its strings, and valid still; one that is no JSON as `bytes` does it.

        Images in it lose their content: nobody reads it there, and to search megabytes of it takes half a second.
        """
        data = _IMAGE.sub(rb"\1", data) if b'base64"' in data else data
        # Escaped, a letter may stand before a key that has none there in truth: only what is decoded tells.
        if not (b"\\u001b" in data or self._has_ours(data) or key_formats.may_hold(data)):
            return data
        try:
            value = json.loads(data)
            masked = self.json(value)
            return data if masked == value else json.dumps(masked, separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            return self.bytes(data)

    def text(self, text: str) -> str:
        """The text, masked. Where that takes it, without colours."""
        if "\x1b" in text:
            bare = _COLOURS.sub("", text)
            masked = self._text(bare)
            return self._text(text) if masked is bare else masked
        return self._text(text)

    def _text(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        masked = self.bytes(data)
        return text if masked is data else masked.decode("utf-8", "surrogatepass")

    def bytes(self, data: builtins.bytes) -> builtins.bytes:
        """The bytes, masked; the same object if there was nothing to mask."""
        ours = _occurrences(data, self._forms) if self._has_ours(data) else []
        marked = [(start, stop, _MASKED) for start, stop in ours]
        marked += [(key.start, key.stop, f"[masked {key.kind}]".encode()) for key in key_formats.found(data)]
        return _replaced(data, marked) if marked else data

    def _has_ours(self, data: builtins.bytes) -> bool:
        return any(form in data for form in self._forms)


def is_masked(value: Any) -> bool:
    """Whether a JSON value has lost something to a mask."""
    return _MARK.search(json.dumps(value)) is not None


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


def _replaced(data: bytes, marked: Iterable[tuple[int, int, bytes]]) -> bytes:
    """With a mark in the place of each occurrence; of those that overlap our own secret's, else the first one's."""
    out: list[bytes] = []
    position = 0
    for start, stop, mark in sorted(marked, key=lambda each: each[0]):
        if start >= position:
            out += [data[position:start], mark]
        elif mark == _MASKED:
            out[-1] = mark
        position = max(position, stop)
    return b"".join([*out, data[position:]])


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


def _parts(secret: str) -> Iterator[str]:
    """It, and the lines of one that has several: a tool may show it line by line. A key file's frame is no secret."""
    yield secret
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----"))


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
