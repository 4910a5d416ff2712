"""Addresses that no agent may reach by whatever name: this machine's own, private networks, the cloud's metadata."""

from __future__ import annotations

import ipaddress
from typing import Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007  evaluated, also by Python 3.9

# Special-purpose addresses that lead to no public host (RFC 6890 and its registries), and IPv6 that carries IPv4.
_INWARD = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
    "::/128", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10",
    "ff00::/8",
)  # fmt: skip


def networks(own: list[str]) -> list[Network]:
    """Those of every machine and this one's `own` addresses."""
    return [ipaddress.ip_network(each) for each in (*_INWARD, *own)]


def own_addresses(tcp4: str = "/proc/net/fib_trie", tcp6: str = "/proc/net/if_inet6") -> list[str]:
    """This network namespace's addresses, also public ones: its services listen there too."""
    return sorted({*_ipv4(_lines(tcp4)), *_ipv6(_lines(tcp6))})


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _ipv4(lines: list[str]) -> list[str]:
    """A `/32 host LOCAL` line follows the address it is about."""
    pairs = zip(lines, lines[1:])  # noqa: B905,RUF007  the host may have Python 3.9
    return [line.split()[-1] for line, after in pairs if "/32 host LOCAL" in after]


def _ipv6(lines: list[str]) -> list[str]:
    return [str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))) for line in lines if line.strip()]


def given(words: list[str]) -> list[Network]:
    """The networks that the operator lets names lead into. What is none was refused when it was set."""
    return [ipaddress.ip_network(word, strict=False) for word in words]
