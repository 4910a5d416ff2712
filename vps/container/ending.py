"""The supervisor's own record of how a run ended, where the control plane looks for it."""

from __future__ import annotations

import json
import time

from vps.container import paths
from vps.host.files import write_atomically


def record(reason: str, code: int | None = None, *, started_at: float = 0.0, detail: str = "") -> None:
    """Write it down. `code` is the CLI's exit code, below 0 a signal's number, None where it never ran; times are epoch seconds."""
    ended = {
        "reason": reason,
        "exit_code": code if code is None or code >= 0 else None,
        "signal": -code if code is not None and code < 0 else None,
        "started_at": started_at,
        "ended_at": time.time(),
        "detail": detail,
    }
    write_atomically(paths.EXIT, json.dumps(ended).encode())
