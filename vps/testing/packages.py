"""Programs of the distribution, installed where they are missing (Debian and Ubuntu)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence

from vps.errors import CommandFailed, VpsError

Say = Callable[[str], None]

_INSTALL_SECONDS = 900.0
_TICK_SECONDS = 0.2
_PACKAGES = "/var/lib/dpkg"
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def find_program(name: str) -> str | None:
    """The program's absolute path; the sbin directories are searched too, which PATH may lack for a user."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")


async def provide(program: str, packages: Sequence[str], say: Say) -> str:
    """The path of `program`, after installing `packages` where it is missing.

    Raises VpsError where that takes rights or a package manager that are not there, CommandFailed if apt-get fails.
    """
    if (found := find_program(program)) is not None:
        return found
    by_hand = f"Install it with: sudo apt-get install {' '.join(packages)}"
    if find_program("apt-get") is None:
        raise VpsError(f"{program} is missing and there is no apt-get to install it.", remedy="Install it by hand.")
    if os.geteuid() != 0:
        raise VpsError(f"{program} is missing and only root can install it.", remedy=by_hand)
    say(f"{program} is missing: installing {' '.join(packages)} with apt-get")
    async with _alone():
        if find_program(program) is None:
            await _apt_get("update")
            await _apt_get("install", "--yes", "--no-install-recommends", *packages)
    if (found := find_program(program)) is None:
        raise VpsError(f"{program} is still missing after its package was installed.", remedy=by_hand)
    return found


@contextlib.asynccontextmanager
async def _alone() -> AsyncGenerator[None]:
    """One of us at a time: apt-get waits for the lock of packages (DPkg::Lock::Timeout), not for the one of lists (apt 2.6)."""
    directory = os.open(_PACKAGES, os.O_RDONLY | os.O_CLOEXEC)
    try:
        async with asyncio.timeout(_INSTALL_SECONDS):
            while not _locked(directory):
                await asyncio.sleep(_TICK_SECONDS)
        yield
    finally:
        os.close(directory)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _apt_get(*words: str) -> None:
    argv = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *words)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    code, output = await run_program(*argv, timeout=_INSTALL_SECONDS, env=environment)
    if code != 0:
        raise CommandFailed(f"apt-get {words[0]}", code, output, remedy="Repair the package manager, then try again.")


async def run_program(*argv: str, timeout: float, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output (stdout and stderr as one); killed after `timeout` seconds (TimeoutError)."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=env,
    )
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode("utf-8", "replace")
