"""What the host has: read once a connection, and by `agentflow doctor`."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import stat
import sys
import time
from typing import Any


def facts(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    """Memory and disk in bytes, CPUs, uid and gid of the SSH user, the clock in epoch seconds."""
    os.makedirs(root, mode=0o750, exist_ok=True)
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "cpus": os.cpu_count() or 1,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "available": _available(),
        "disk_free": shutil.disk_usage(root).free,
        "python": ".".join(map(str, sys.version_info[:3])),
        "now": time.time(),
        "root_mode": stat.S_IMODE(os.stat(root).st_mode),
    }


def reach(_root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Connect to `host` and `port`, with TLS if `tls`, for at most `timeout_s`; what went wrong, or an empty `error`."""
    address = (request["host"], int(request["port"]))
    try:
        with socket.create_connection(address, timeout=float(request["timeout_s"])) as plain:
            if request["tls"]:
                with ssl.create_default_context().wrap_socket(plain, server_hostname=address[0]):
                    pass
    except OSError as error:  # ssl.SSLError is one
        return {"error": f"{type(error).__name__}: {error}"}
    return {"error": ""}


def _available() -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0
