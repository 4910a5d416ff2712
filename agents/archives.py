"""Whether an archive is a bomb: it is unpacked into nothing, as far as it may go, and never onto a disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO

MOST_BYTES = 250 << 20
MOST_TIMES, FREE_BYTES = 100, 10 << 20
"""It may unpack to that many times its size; up to `FREE_BYTES` to anything. Text that repeats comes to 1:100, a bomb to 1:1000."""
MOST_MEMBERS = 10_000
_CHUNK = 1 << 18
_BLOCK = 512
_SMALLER = "Send the files that matter, or a link."
_DAMAGED = "is an archive that cannot be read. Pack it again."
_UNREADABLE = (
    zipfile.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
"""RuntimeError: an encrypted member, or by NotImplementedError a method that this Python lacks."""

Opened = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
_PACKED: tuple[tuple[bytes, Callable[[IO[bytes]], Opened]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
)


class _Bad(Exception):
    """Why it is refused."""


def why_not(content: bytes) -> str:
    """Why it is not passed on, with the remedy; empty for what is harmless, or no archive that can be looked into (.7z, .rar)."""
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):
            _zip(content)
        elif opener := next((opener for magic, opener in _PACKED if content.startswith(magic)), None):
            with opener(io.BytesIO(content)) as file:
                _stream(_Counted(file, _allowance(content)))
        elif content.startswith(b"PK\x03\x04"):
            return _DAMAGED
        else:
            _stream(_Counted(io.BytesIO(content), len(content)))
    except _Bad as bad:
        return str(bad)
    except _UNREADABLE:
        return _DAMAGED
    return ""


def _allowance(content: bytes) -> int:
    return min(MOST_BYTES, max(FREE_BYTES, MOST_TIMES * len(content)))


class _Counted:
    """What comes out of it, up to an allowance."""

    def __init__(self, file: IO[bytes] | Opened, allowance: int) -> None:
        self._file = file
        self.left = allowance

    def read(self, size: int) -> bytes:
        """Up to that many bytes; fewer at the end alone."""
        data = self._file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise _Bad(f"unpacks to far more than it is, like a zip bomb. {_SMALLER}")
        return data

    def skip(self, size: int) -> int:
        """Pass over so many; how many there were."""
        left = size
        while left and (data := self.read(min(left, _CHUNK))):
            left -= len(data)
        return size - left


def _zip(content: bytes) -> None:
    allowance = _allowance(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise _Bad(_too_many())
        for member in members:
            if member.flag_bits & 1:
                raise _Bad("is encrypted, so it cannot be looked into. Send it without a password.")
            # What it says of itself may be a lie, and zipfile would stop there.
            member.file_size = 1 << 62
            with archive.open(member) as file:
                counted = _Counted(file, allowance)
                counted.skip(allowance + 1)
                allowance = counted.left


def _stream(file: _Counted) -> None:
    """All of it; a tar file's members are counted on the way."""
    members, head = 0, file.read(_BLOCK)
    while len(head) == _BLOCK and head[257:262] == b"ustar":
        members += 1
        if members > MOST_MEMBERS:
            raise _Bad(_too_many())
        if head[156:157] == b"S":
            raise _Bad("holds files with holes, whose size cannot be told. Pack it without `--sparse`.")
        size = _size(head[124:136])
        if file.skip(size + -size % _BLOCK) < size:
            raise _Bad("is a tar file that is cut short. Pack it again.")
        head = file.read(_BLOCK)
    file.skip(file.left + 1)


def _size(field: bytes) -> int:
    """A number of a tar header: octal, or base 256 (tar(5))."""
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & ((1 << 88) - 1)
    return int(field.strip(b" \0") or b"0", 8)


def _too_many() -> str:
    return f"holds more than {MOST_MEMBERS} files. {_SMALLER}"


__all__ = ["FREE_BYTES", "MOST_BYTES", "MOST_MEMBERS", "MOST_TIMES", "why_not"]
