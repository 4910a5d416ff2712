"""Puts this package's host scripts on the host, once for each version of them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
import tarfile
from pathlib import Path

from vps.commands import files
from vps.runner import Runner, check

_PACKAGE = Path(__file__).parent
_PARTS = ("__init__.py", "remote.py", "host/*.py", "container/*.py", "proxy/*.py", "proxy/*.lua")


async def provision(runner: Runner, root: str) -> str:
    """Make sure the scripts are there; their directory, named after their content, so that live processes keep theirs."""
    archive, digest = await asyncio.to_thread(_archive)
    library = f"{root}/lib/{digest}"
    if (await runner.run(files.exists(library))).exit_code == 0:
        return library
    await check(runner, files.make(root, 0o750))
    building = f"{root}/lib/new-{secrets.token_hex(4)}"
    await check(runner, files.unpack(building), stdin=archive)
    moved = await runner.run(files.move(building, library))
    if moved.exit_code != 0:
        # Somebody else was faster; theirs has the same content.
        await check(runner, files.remove_tree(building))
        await check(runner, files.exists(library))
    return library


def _archive() -> tuple[bytes, str]:
    sources = sorted(path for part in _PARTS for path in _PACKAGE.glob(part))
    digest = hashlib.sha256()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sources:
            data = path.read_bytes()
            name = f"vps/{path.relative_to(_PACKAGE).as_posix()}"
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue(), digest.hexdigest()[:16]
