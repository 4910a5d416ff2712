"""What agents of a channel start with unless a spawn says otherwise: <root>/control/channels/<id>.json, an object of options.

Each option is {value, by, at}: who set it, and when in epoch seconds.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

from vps.host import layout
from vps.host.control import locked
from vps.host.files import write_atomically

_ID = re.compile(r"\d{1,20}")


def read(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """The options of a channel. request: channel. Raises OSError for a file that is damaged: that is not as if there were none."""
    with locked(root, "channels") as directory:
        return {"options": _read(_place(directory, request["channel"]))}


def change(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Set options of a channel, or remove those whose value is None. request: channel, changes (values by name), by.

    The answer's `options` are those there are now.
    """
    with locked(root, "channels") as directory:
        place = _place(directory, request["channel"])
        options = _read(place)
        for name, value in request["changes"].items():
            options.pop(name, None)
            if value is not None:
                options[name] = {"value": value, "by": request["by"], "at": time.time()}
        write_atomically(place, json.dumps(options).encode(), 0o600)
    return {"options": options}


def _read(place: str) -> dict[str, Any]:
    found = layout.read_json(place)
    if found is None and os.path.lexists(place):
        raise OSError(f"{place} is no JSON object; correct or remove it")
    return found or {}


def _place(directory: str, channel: str) -> str:
    """Raises ValueError for what is no id: it becomes part of a path."""
    if not _ID.fullmatch(channel):
        raise ValueError(f"not a channel's id: {channel[:80]!r}")
    return os.path.join(directory, channel + ".json")
