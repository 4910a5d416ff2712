"""Ending a TCP connection the hard way."""

from __future__ import annotations

import asyncio
import socket
import struct


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Closes with RST, so that the peer sees ECONNRESET instead of an orderly end."""
    if transport is None or transport.is_closing():
        return
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert isinstance(transport, asyncio.Transport)
    transport.abort()
