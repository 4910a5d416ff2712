"""TCP ports for servers that are stopped and started again, or whose port has to be known before they listen."""

from __future__ import annotations

import random
import socket

ADDRESS = "127.0.0.1"
_FIRST, _LAST = 20_000, 32_000
"""Below those that Linux gives to whoever names none (ip_local_port_range, ip(7)): meanwhile nobody else gets one of these, and no
connection to it, while nothing listens there, meets itself."""
_TRIES = 100
_random = random.SystemRandom()


def free_port() -> int:
    """One of the loopback address on which nothing listens. Raises OSError if there is none."""
    for _ in range(_TRIES):
        port = _random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
