"""Which images a model can be shown. One that the API cannot read would stay in the session and fail every later request."""

from __future__ import annotations

import struct
import zlib

MOST_BYTES = 3_500_000
"""5 MB in base64 is the API's limit for one (https://docs.claude.com/en/docs/build-with-claude/vision)."""
MOST_SIDE = 2000
"""Pixels: the API's limit in requests with more than 20 of them."""
MOST, MOST_TOGETHER = 4, 10_000_000
"""In one message. The CLI writes them into the log again, where a line may have 16 MiB."""
_MOST_RAW = MOST_SIDE * (MOST_SIDE * 8 + 1) * 2
_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Of C0 to CF, which begin a frame with its size, those that do not (ITU-T T.81, table B.1)."""


def media_type(content: bytes) -> str:
    """`image/png` and the like for a whole image that can be shown, else empty."""
    if len(content) > MOST_BYTES:
        return ""
    for kind, measure in (("png", _png), ("jpeg", _jpeg), ("gif", _gif), ("webp", _webp)):
        try:
            size = measure(content)
        except (struct.error, IndexError, zlib.error):
            continue  # cut short
        if size is not None:
            return f"image/{kind}" if all(0 < side <= MOST_SIDE for side in size) else ""
    return ""


Size = tuple[int, int]


def _png(data: bytes) -> Size | None:
    """Whole: every chunk's sum, the pixels' end, the end mark (PNG specification, 5)."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        return None
    pixels, kind, at = zlib.decompressobj(), b"", 8
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if struct.unpack_from(">I", data, at + 8 + length)[0] != zlib.crc32(kind + body):
            return None
        if kind == b"IDAT" and not pixels.eof:
            pixels.decompress(body, _MOST_RAW)
        at += length + 12
    width, height = struct.unpack_from(">II", data, 16)
    return (width, height) if pixels.eof else None


def _jpeg(data: bytes) -> Size | None:
    if not data.startswith(b"\xff\xd8\xff") or not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return None
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _gif(data: bytes) -> Size | None:
    whole = data.startswith((b"GIF87a", b"GIF89a")) and data.endswith(b";")
    return struct.unpack_from("<HH", data, 6) if whole else None


def _webp(data: bytes) -> Size | None:
    """The three forms of its first chunk (https://developers.google.com/speed/webp/docs/riff_container)."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or struct.unpack_from("<I", data, 4)[0] + 8 != len(data):
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None
