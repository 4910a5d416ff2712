"""Leads each `model/<id>/api.sock` below the root directory to the loopback address its `target` file names, and to no other."""

from __future__ import annotations

import asyncio
import contextlib
import os


class Forwards:
    """Those of one root directory."""

    def __init__(self, root: str) -> None:
        self._base = os.path.join(root, "model")
        self._served: dict[str, asyncio.AbstractServer] = {}

    async def serve(self) -> None:
        """Begin to serve those that are new."""
        known = os.listdir(self._base) if os.path.isdir(self._base) else []
        wanted = {key for key in known if os.path.exists(os.path.join(self._base, key, "target"))}
        for key in wanted - set(self._served):
            with open(os.path.join(self._base, key, "target"), encoding="ascii") as file:
                host, port = file.read().strip().rsplit(":", 1)
            self._served[key] = await _forward(os.path.join(self._base, key), host, int(port))

    def close(self) -> None:
        """Take no more connections."""
        for server in self._served.values():
            server.close()


async def _forward(directory: str, host: str, port: int) -> asyncio.AbstractServer:
    """Serve `directory/api.sock`; what connects there reaches host:port and nothing else."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.wait_for(asyncio.open_connection(host, port), 10)
        except (OSError, asyncio.TimeoutError):
            writer.close()
            return
        await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer))

    # A socket's path may have 107 bytes (unix(7)), the directory's more: the way through its descriptor is short.
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    # Renamed into place, so that a socket a dead keeper left behind is replaced and mounts of the directory see the new one.
    temporary, path = f"/proc/self/fd/{handle}/new.sock", os.path.join(directory, "api.sock")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    server = await asyncio.start_unix_server(carry, temporary)
    os.chmod(temporary, 0o666)  # noqa: S103  the agent's uid connects; only its container has the directory
    os.rename(temporary, path)
    os.close(handle)
    return server


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
