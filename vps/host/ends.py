"""The record of a run's end. Once it is there nothing of the run changes any more."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from vps.host import gateway, layout
from vps.host.files import write_atomically


def write(root: str, name: str, ending: dict[str, Any]) -> None:
    """Write down how a run ended. The room kept for that is given back, and the gateway serves it no more."""
    directory = layout.run(root, name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(directory, "reserve"))
    gateway.revoke(root, name)
    write_atomically(os.path.join(directory, "docker.json"), json.dumps(ending).encode())


def never_started(state: str, error: str = "") -> dict[str, Any]:
    """The end of a run that had no container, now: it was `withdrawn` by somebody, or `refused` by the engine with an error."""
    finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"state": state, "exit_code": None, "oom_killed": False, "error": error, "finished_at": finished}
