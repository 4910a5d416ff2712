"""Pins the host's key: what the host shows, what is pinned, and the person's word between them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vps import known_hosts
from vps.config import HostConfig
from vps.errors import HostKeyError
from vps.ssh import host_key

Confirm = Callable[[str], Awaitable[bool]]
Say = Callable[[str], None]


class Standing(StrEnum):
    """How the key that the host shows compares with what is pinned."""

    PINNED = "pinned"
    UNKNOWN = "unknown"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """The key a host shows now, and how it stands. `before` are the pinned fingerprints of the same type."""

    standing: Standing
    fingerprint: str
    line: str
    before: tuple[str, ...] = ()


async def identify(config: HostConfig) -> HostIdentity:
    """Ask the host for its key and look it up. Raises HostError when it cannot be reached."""
    fingerprint, line = await host_key(config)
    shown = known_hosts.parsed(line)
    same_kind = [
        key for key in known_hosts.pinned(_read(_path(config)), known_hosts.host_name(config)) if key.kind == shown.kind
    ]
    before = tuple(key.fingerprint for key in same_kind)
    if fingerprint in before:
        return HostIdentity(Standing.PINNED, fingerprint, line, before)
    return HostIdentity(Standing.CHANGED if before else Standing.UNKNOWN, fingerprint, line, before)


async def trust(config: HostConfig, *, yes: bool, replace: bool, confirm: Confirm, say: Say) -> bool:
    """Pin the host's key after confirmation; whether it is pinned now.

    `yes` confirms an unknown key only. A changed one takes `replace` or a person's word. Raises HostKeyError when nobody
    can be asked and it would take that.
    """
    identity = await identify(config)
    say(f"{config} shows the host key {identity.fingerprint}")
    if identity.standing is Standing.PINNED:
        say(f"It is pinned already in {_path(config)}.")
        return True
    if identity.standing is Standing.UNKNOWN:
        agreed = yes or await confirm("Pin it, if the host's owner sees the same fingerprint?")
    else:
        agreed = await _may_replace(config, identity, yes=yes, replace=replace, confirm=confirm, say=say)
    if not agreed:
        say("Nothing was changed.")
        return False
    _pin(config, identity)
    say(f"Pinned in {_path(config)}.")
    return True


async def _may_replace(
    config: HostConfig, identity: HostIdentity, *, yes: bool, replace: bool, confirm: Confirm, say: Say
) -> bool:
    say("WARNING: THE HOST KEY HAS CHANGED. Somebody may be listening in between, or the host was installed anew.")
    say(f"  pinned: {', '.join(identity.before)}")
    say(f"  shown:  {identity.fingerprint}")
    if replace:
        return True
    if yes:
        remedy = "Check the new fingerprint with the host's owner, then run `agentflow trust --replace`."
        raise HostKeyError(f"The host key of {config} has changed; --yes does not replace it.", remedy=remedy)
    return await confirm("Replace the pinned key, if the host's owner sees the new fingerprint?")


def _pin(config: HostConfig, identity: HostIdentity) -> None:
    """Add the line, and take the host's old ones out when its key changed; a reader sees the old file or the new one."""
    path, text = _path(config), _read(_path(config))
    if identity.standing is Standing.CHANGED:
        text = known_hosts.without(text, known_hosts.host_name(config))
    # A link stays a link: the file it leads to is what is replaced.
    path = path.resolve()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(known_hosts.added(text, identity.line))
    if path.exists():
        temporary.chmod(path.stat().st_mode & 0o777)
    temporary.replace(path)


def _path(config: HostConfig) -> Path:
    return config.known_hosts.expanduser()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        remedy = "Name a file you can read."
        raise HostKeyError(f"HETZNER_KNOWN_HOSTS: cannot read {path}: {error.strerror}.", remedy=remedy) from error
