"""Pinning the host's key."""

from __future__ import annotations

import base64
import hmac
import stat

from tests.agents.conftest import Station
from vps import known_hosts


async def test_an_unknown_key_is_shown_and_pinned_in_a_private_file(station: Station) -> None:
    path = station.root.parent / "new" / "known_hosts"
    done = await station.agentflow("trust", "--yes", HETZNER_KNOWN_HOSTS=str(path))
    assert done.code == 0, done.err
    assert known_hosts.parsed(station.server.host_key_line).fingerprint in done.err
    assert station.server.host_key_line in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_nothing_is_pinned_without_a_yes(station: Station) -> None:
    path = station.root.parent / "known"
    done = await station.agentflow("trust", stdin=b"n\n", HETZNER_KNOWN_HOSTS=str(path))
    assert (done.code, path.exists()) == (1, False)


async def test_a_person_can_say_yes(station: Station) -> None:
    path = station.root.parent / "known"
    done = await station.agentflow("trust", stdin=b"yes\n", HETZNER_KNOWN_HOSTS=str(path))
    assert (done.code, path.exists()) == (0, True)


async def test_a_changed_key_takes_more_than_yes(station: Station) -> None:
    path = station.server.known_hosts
    shown = known_hosts.parsed(station.server.host_key_line)
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    name = known_hosts.host_name(station.settings().host)
    path.write_text(f"{name},friend {shown.kind} {other}\n")

    refused = await station.agentflow("trust", "--yes")
    assert refused.code == 1
    assert "HAS CHANGED" in refused.err
    assert known_hosts.fingerprint(other) in refused.err
    assert shown.fingerprint in refused.err

    replaced = await station.agentflow("trust", "--replace")
    assert replaced.code == 0, replaced.err
    assert path.read_text() == f"friend {shown.kind} {other}\n{station.server.host_key_line}\n"


def test_hashed_names_are_found_and_removed() -> None:
    # Made with `ssh-keygen -H`: HMAC-SHA1 of the name under the salt.
    salt = b"12345678901234567890"
    digest = base64.b64encode(hmac.new(salt, b"[vps]:2222", "sha1").digest()).decode()
    line = f"|1|{base64.b64encode(salt).decode()}|{digest} ssh-ed25519 AAAA\n"
    assert [key.kind for key in known_hosts.pinned(line, "[vps]:2222")] == ["ssh-ed25519"]
    assert known_hosts.pinned(line, "vps") == []
    assert known_hosts.without(line + "b ssh-rsa AAAA\n", "[vps]:2222") == "b ssh-rsa AAAA\n"
