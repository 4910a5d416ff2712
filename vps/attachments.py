"""The client of `vps.host.attachments`: files that go with a message to a run."""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Sequence

from vps.commands import files
from vps.container import paths
from vps.errors import BadInput, CommandFailed, DiskFull, NoSuchRun
from vps.relay import Relay
from vps.runner import check

_BYTES_PER_S = 100_000
"""What a slow link carries at least; one that is slower fails, instead of holding up what comes after it."""


def directory(message_id: str) -> str:
    """Where the agent finds the files of a message."""
    return f"{paths.ATTACHMENTS}/{message_id}"


async def place(relay: Relay, name: str, message_id: str, given: Sequence[tuple[str, bytes]]) -> None:
    """Put files, by names without a `/`, where the run sees them, each whole or not at all; again as often as one likes.

    Raises NoSuchRun, BadInput where an earlier version started it, DiskFull or HostError.
    """
    request = {"name": name, "id": message_id, "bytes": sum(len(content) for _, content in given)}
    found = await relay.ask("attach", request)
    if found["state"] == "missing":
        raise NoSuchRun(name)
    if found["state"] == "old":
        remedy = "Say it in words, or `/spawn` another."
        raise BadInput("files", "do not reach this agent: an earlier version started it.", remedy=remedy)
    for each, content in given:
        aside = posixpath.join(found["aside"], f"incoming-{secrets.token_hex(8)}")
        command = files.put_into(posixpath.join(found["directory"], each), 0o644, aside)
        try:
            await check(relay, command, stdin=content, timeout=60 + len(content) / _BYTES_PER_S)
        except CommandFailed as error:
            if "No space left" in error.stderr:
                raise DiskFull("The host has no room for these files.", remedy="Free some there.") from error
            raise


async def remove(relay: Relay, name: str, message_id: str) -> None:
    """Take back what was put there for a message that was refused."""
    await relay.ask("detach", {"name": name, "id": message_id})
