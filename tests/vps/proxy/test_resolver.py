"""The DNS server between Envoy and the system's resolver."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading

import pytest

from vps.proxy import resolver
from vps.proxy.resolver import Resolver, answer


def question(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def told(data: bytes) -> tuple[int, list[str]]:
    """The code of an answer and its addresses."""
    _, flags, _, count, _, _ = struct.unpack_from("!6H", data)
    sizes = {0: 0, 1: 4, 28: 16}
    kind = struct.unpack_from("!H", data, data.index(b"\0", 12) + 1)[0]
    each = 12 + sizes.get(kind, 0)
    records = data[len(data) - count * each :]
    found = [records[n * each + 12 : (n + 1) * each] for n in range(count)]
    return flags & 15, [str(ipaddress.ip_address(packed)) for packed in found]


@pytest.mark.parametrize(("kind", "address"), [(1, "203.0.113.9"), (28, "2001:db8::9")])
def test_a_name_has_the_addresses_of_the_family_that_is_asked_for(kind: int, address: str) -> None:
    asked: list[tuple[str, int]] = []

    def lookup(name: str, family: int) -> list[str]:
        asked.append((name, family))
        return [address]

    assert told(answer(question("Some.Example", kind), lookup)) == (0, [address])
    assert asked == [("some.example", socket.AF_INET if kind == 1 else socket.AF_INET6)]


def test_other_kinds_have_none_and_a_lookup_that_fails_says_so() -> None:
    def fails(name: str, family: int) -> list[str]:
        raise OSError

    assert told(answer(question("a.example", 16), fails)) == (0, [])
    assert told(answer(question("a.example"), fails)) == (2, [])


@pytest.mark.parametrize(
    "data", [b"", b"x" * 11, question("a.example")[:-3], question("a.example")[:12] + b"\xc0\x0c\0\1\0\1", b"\xff" * 40]
)
def test_bytes_that_are_no_question_have_no_answer_or_a_refusal(data: bytes) -> None:
    try:
        code, found = told(answer(data, lambda name, family: ["203.0.113.9"]))
    except (ValueError, IndexError, struct.error):
        return
    assert (code, found) == (1, [])


def test_one_outward_address_is_told_and_a_name_that_moves_inwards_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"mixed.example": ["127.0.0.1", "203.0.113.8", "203.0.113.9"], "inside.example": ["127.0.0.1", "127.0.0.2"]}

    def looked_up(name: str, family: int) -> list[str]:
        return names[name]

    monkeypatch.setattr(resolver, "looked_up", looked_up)
    served = Resolver(lambda address: address.startswith("127."))
    threading.Thread(target=served.serve, daemon=True).start()

    def asked(name: str) -> list[str]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.sendto(b"no question", ("127.0.0.1", served.port))
            client.sendto(question(name), ("127.0.0.1", served.port))
            return told(client.recv(4096))[1]

    assert asked("mixed.example") == ["203.0.113.8"]
    assert asked("inside.example") == ["127.0.0.1"], "Envoy denies it and tells of it"
    names["mixed.example"] = ["127.0.0.1"]
    assert asked("mixed.example") == []
