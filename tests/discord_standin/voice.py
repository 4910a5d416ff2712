"""What Discord demands of a voice message, and its OpenAPI document does not say.

Source: https://discord.com/developers/docs/resources/message#voice-messages
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping

from .state import Upload
from .wire import Json, items

WAVEFORM = 256
_OTHERS = ("content", "embeds", "components", "poll", "sticker_ids")


def problems(body: Json, uploads: Mapping[int, Upload]) -> Iterable[str]:
    """Of a request that creates one."""
    described = items(body, "attachments")
    if len(uploads) != 1 or len(described) != 1:
        yield f"a voice message has {len(uploads)} files; it takes one"
        return
    yield from (f"a voice message has {name}" for name in _OTHERS if body.get(name))
    if not described[0].get("duration_secs"):
        yield "a voice message has no duration_secs"
    yield from _waveform(described[0].get("waveform"))
    (upload,) = uploads.values()
    if not upload.content_type.startswith("audio/"):
        yield f"a voice message is {upload.content_type or 'of no type'}; it takes audio"


def _waveform(given: str | None) -> Iterable[str]:
    try:
        bars = base64.b64decode(given or "", validate=True)
    except binascii.Error:
        yield "the waveform is no base64"
    else:
        if not 0 < len(bars) <= WAVEFORM:
            yield f"the waveform has {len(bars)} bytes; 1 to {WAVEFORM} are allowed"
