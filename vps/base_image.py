"""What the agent image is built on."""

from __future__ import annotations

from importlib import resources

from vps.build_output import Progress, watch
from vps.commands import image as commands
from vps.errors import ImageBuildFailed
from vps.runner import Runner, check

PUBLIC_BASE = "debian:bookworm-slim"
_PROBE_SECONDS = 60
_PULL_SECONDS = 600
_MARGIN_SECONDS = 15
_REMEDY = (
    "Let the host reach a registry, or connect as root to a Debian or Ubuntu host once,"
    " or name an image the host already has in AGENTFLOW_BASE_IMAGE."
)


async def obtain_base(runner: Runner, given: str | None, directory: str, progress: Progress) -> str:
    """The name of a base image that the host has. Raises ImageBuildFailed.

    A `given` one is used, or pulled; failing that is an error, since nobody who names one wants another. None means the
    public slim one, or, whatever keeps the host from it, one made of the host's own distribution (root only). That one
    is kept as `agentflow-base:<codename>`. It is made below `directory`.
    """
    if given is not None:
        return await _given(runner, given, progress)
    codename = (await check(runner, commands.codename())).text.strip()
    own = f"agentflow-base:{codename}" if codename else None
    for base in filter(None, (PUBLIC_BASE, own)):
        if await _has(runner, base):
            return base
    await progress(f"Fetching {PUBLIC_BASE}.")
    reason = await _pull(runner, PUBLIC_BASE, _PROBE_SECONDS)
    if reason is None:
        return PUBLIC_BASE
    if own is None:
        raise ImageBuildFailed(f"{PUBLIC_BASE} cannot be pulled: {reason}.", remedy=_REMEDY)
    await progress(f"{PUBLIC_BASE} cannot be pulled: making a base from the distribution's own packages.")
    await _make(runner, own, directory, progress)
    return own


async def _given(runner: Runner, base: str, progress: Progress) -> str:
    if not await _has(runner, base):
        await progress(f"Fetching {base}.")
        reason = await _pull(runner, base, _PULL_SECONDS)
        if reason is not None:
            remedy = "Name an image the host has or can pull, or leave AGENTFLOW_BASE_IMAGE out."
            raise ImageBuildFailed(f"AGENTFLOW_BASE_IMAGE: {base} cannot be pulled: {reason}.", remedy=remedy)
    return base


async def _has(runner: Runner, image: str) -> bool:
    return (await runner.run(commands.exists(image))).exit_code == 0


async def _pull(runner: Runner, image: str, seconds: int) -> str | None:
    """None, or why it failed."""
    done = await runner.run(commands.pull(image, seconds=seconds), timeout=seconds + _MARGIN_SECONDS)
    if done.exit_code == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip()[-300:]
    return said or f"no answer within {seconds} s"


async def _make(runner: Runner, image: str, directory: str, progress: Progress) -> None:
    script = f"{directory}/make_base.sh"
    await runner.put(script, resources.files("vps.host").joinpath("make_base.sh").read_bytes())
    command = commands.make_base(script, image, directory)
    await watch(runner, command, progress, failure="No base image could be made", remedy=_REMEDY)
