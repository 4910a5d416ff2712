"""Tells Envoy one address of a name. Of several it tries one after the other, but judges the first alone.

A DNS server for A and AAAA (RFC 1035), for this machine alone; where names are looked up is the system's matter.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from typing import Callable  # noqa: UP035  evaluated, also by Python 3.9

_A, _AAAA, _IN = 1, 28, 1
_FAMILIES = {_A: socket.AF_INET, _AAAA: socket.AF_INET6}
_HEADER = struct.Struct("!6H")
_ANSWER = 0x8180
_NO_ERROR, _FORMAT, _FAILED = 0, 1, 2
_TTL_S = 30
_BYTES = 4096
_MOST = 1024
"""Lookups at a time: a name's own server may be slow on purpose."""
_REMEMBERED = 100_000

Lookup = Callable[[str, int], "list[str]"]
"""The addresses of a name in a family."""


class Resolver:
    """Listens on `port` of the loopback. `is_inward` judges an address."""

    def __init__(self, is_inward: Callable[[str], bool]) -> None:
        self._is_inward = is_inward
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._outward: set[str] = set()
        self._busy = threading.BoundedSemaphore(_MOST)

    def serve(self) -> None:
        """Answer for ever; each question in a thread of its own."""
        while True:
            query, sender = self._socket.recvfrom(_BYTES)
            if self._busy.acquire(blocking=False):
                threading.Thread(target=self._reply, args=(query, sender), daemon=True).start()

    def _reply(self, query: bytes, sender: tuple[str, int]) -> None:
        try:
            self._socket.sendto(answer(query, self._chosen), sender)
        except (ValueError, IndexError, struct.error, OSError):
            pass  # no question of Envoy's, or nobody waits for the answer
        finally:
            self._busy.release()

    def _chosen(self, name: str, family: int) -> list[str]:
        found = looked_up(name, family)
        outward = [each for each in found if not self._is_inward(each)]
        if not outward:
            # One that leads inwards from the start is for Envoy to deny, and to tell of. One that comes to is not followed.
            return [] if name in self._outward else found[:1]
        if len(self._outward) < _REMEMBERED:
            self._outward.add(name)
        return outward[:1]


def looked_up(name: str, family: int) -> list[str]:
    """A name's addresses. Raises OSError where that cannot be told now."""
    try:
        found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY):
            return []
        raise
    return [str(address[0]) for *_, address in found]


def answer(query: bytes, lookup: Lookup) -> bytes:
    """The answer to a question. Raises ValueError, IndexError or struct.error for bytes that are none."""
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if questions != 1 or flags & 0xF800:
        return _HEADER.pack(number, _ANSWER | _FORMAT, 0, 0, 0, 0)
    name, end = _name(query)
    kind, group = struct.unpack_from("!2H", query, end)
    question = query[_HEADER.size : end + 4]
    code, addresses = _NO_ERROR, []
    if kind in _FAMILIES and group == _IN:
        try:
            addresses = lookup(name, _FAMILIES[kind])
        except (OSError, UnicodeError):
            code = _FAILED
    records = b"".join(_record(kind, each) for each in addresses)
    return _HEADER.pack(number, _ANSWER | code, 1, len(addresses), 0, 0) + question + records


def _name(query: bytes) -> tuple[str, int]:
    """The name that is asked for, and the offset behind it. A question needs no compression."""
    labels: list[str] = []
    at = _HEADER.size
    while length := query[at]:
        if length > 63:
            raise ValueError("a compressed name")
        labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def _record(kind: int, address: str) -> bytes:
    packed = ipaddress.ip_address(address.partition("%")[0]).packed
    return struct.pack("!3HIH", 0xC00C, kind, _IN, _TTL_S, len(packed)) + packed
