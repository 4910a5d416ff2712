"""One build at a time on a host, whoever asks for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from vps.build_output import BUILD_SECONDS, Progress
from vps.commands import image as commands
from vps.errors import ImageBuildFailed
from vps.runner import Process, Runner

REMEDY = "Correct the cause and try again; `agentflow doctor` checks disk and network."
_QUIET_WAIT_SECONDS = 2.0


@contextlib.asynccontextmanager
async def build_lock(runner: Runner, progress: Progress) -> AsyncGenerator[None]:
    """Held as long as a process on the host keeps it for us: a control plane that dies lets go of it. Raises ImageBuildFailed."""
    async with runner.stream(commands.hold_lock()) as holder:
        held = asyncio.create_task(_says(holder, commands.HELD))
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                await asyncio.wait({held}, timeout=_QUIET_WAIT_SECONDS)
                if not held.done():
                    await progress("Another control plane is building an image; waiting for it.")
                if not await held:
                    raise ImageBuildFailed("The host's build lock cannot be taken.", remedy="Install util-linux there.")
        except TimeoutError as error:
            raise ImageBuildFailed("Another build of an image does not end.", remedy=REMEDY) from error
        finally:
            held.cancel()
        yield


async def _says(process: Process, word: bytes) -> bool:
    async for chunk in process.chunks():
        return word in chunk
    return False
