"""Files that go with a message: the inbox tells of them beside its words and names images, whose content the CLI is given.

It makes large ones smaller (measured)."""

from __future__ import annotations

import binascii
import json
import os
from typing import Any

from vps.container import paths
from vps.host.files import read_regular

_MARK = b'"attached"'
_MOST = 30
"""In a session: the API takes 100 images and 32 MB in a request, and the agent looks at some itself. The others are files alone."""
_MOST_BYTES = 4 << 20


def with_files(line: bytes) -> bytes:
    """An inbox line as the CLI takes it. An image that cannot be read is left out: the text names it all the same."""
    if _MARK not in line:
        return line
    message: dict[str, Any] = json.loads(line)
    attached, named = message.pop("attached", ""), message.pop("pictures", [])
    shown = named[: max(0, _MOST - _before(message["uuid"]))]
    blocks = [block for path, media_type in shown for block in _block(path, media_type)]
    words = "\n\n".join(filter(None, (message["message"]["content"].strip(), attached)))
    text = {"type": "text", "text": words}
    message["message"] = {"role": "user", "content": [*blocks, text] if blocks else words}
    return json.dumps(message, ensure_ascii=False).encode()


def _before(uuid: str) -> int:
    """How many images the messages before it had, in the containers before this one too."""
    count = 0
    with open(paths.INBOX, "rb") as inbox:
        for line in inbox:
            if _MARK not in line:
                continue
            try:
                message = json.loads(line)
            except ValueError:
                continue  # torn
            if message.get("uuid") == uuid:
                break
            count += len(message.get("pictures", ()))
    return count


def _block(path: str, media_type: str) -> list[dict[str, Any]]:
    try:
        data = read_regular(os.path.join(paths.ATTACHMENTS, path), _MOST_BYTES)
    except OSError:
        return []
    encoded = binascii.b2a_base64(data, newline=False).decode("ascii")
    return [{"type": "image", "source": {"type": "base64", "media_type": media_type, "data": encoded}}]
