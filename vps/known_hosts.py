"""Reading and changing a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), as text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from vps.config import HostConfig


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """One key of a host: its type, such as ssh-ed25519, and its fingerprint as ssh-keygen prints it."""

    kind: str
    fingerprint: str


def host_name(config: HostConfig) -> str:
    """The name a host has in the file."""
    return config.address if config.port == 22 else f"[{config.address}]:{config.port}"


def pinned(text: str, name: str) -> list[PinnedKey]:
    """The keys that the file has for exactly this host; patterns and certificate authorities are left out."""
    found: list[PinnedKey] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and _names(words[0], name):
            found.append(PinnedKey(words[1], fingerprint(words[2])))
    return found


def parsed(line: str) -> PinnedKey:
    """The key of one line. Raises ValueError for a line that has none."""
    words = line.split()
    if len(words) < 3:
        raise ValueError("not a known_hosts line")
    return PinnedKey(words[1], fingerprint(words[2]))


def fingerprint(key: str) -> str:
    """SHA256:… of a key's base64 form; empty for what is none."""
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


def added(text: str, line: str) -> str:
    """The file with one more line."""
    return (text if not text or text.endswith("\n") else text + "\n") + line


def without(text: str, name: str) -> str:
    """The file without this host; other hosts that share a line with it stay."""
    kept = (_without(line, name) for line in text.splitlines())
    return "".join(f"{line}\n" for line in kept if line is not None)


def _without(line: str, name: str) -> str | None:
    words = line.split(maxsplit=1)
    if len(words) < 2 or not _names(words[0], name):
        return line
    others = [host for host in words[0].split(",") if host != name and not _hashes(host, name)]
    return f"{','.join(others)} {words[1]}" if others else None


def _names(hosts: str, name: str) -> bool:
    return any(host == name or _hashes(host, name) for host in hosts.split(","))


def _hashes(host: str, name: str) -> bool:
    """HashKnownHosts: `|1|salt|HMAC-SHA1 of the name`."""
    parts = host.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return False
    try:
        salt, digest = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except binascii.Error:
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
