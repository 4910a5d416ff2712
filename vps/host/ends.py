"""The record of a run's end. Once it is there nothing of the run changes any more."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from vps.host import layout
from vps.host.files import write_atomically


def write(root: str, name: str, ending: dict[str, Any]) -> None:
    """Write down how a run ended. The room kept for that is given back, and a credential that nobody fetched goes."""
    directory = layout.run(root, name)
    for spare in ("reserve", os.path.join("key", "environ")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, spare))
    write_atomically(os.path.join(directory, "docker.json"), json.dumps(ending).encode())


def never_started(state: str, error: str = "") -> dict[str, Any]:
    """The end of a run that had no container, now: it was `withdrawn` by somebody, or `refused` by the engine with an error."""
    finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"state": state, "exit_code": None, "oom_killed": False, "error": error, "finished_at": finished}
