"""The agent image: built on the host at first use, and again only when what it is built from changes."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vps.commands import files
from vps.commands import image as commands
from vps.errors import DockerUnavailable, ImageBuildFailed
from vps.runner import Runner, check
from vps.shell import Command

Progress = Callable[[str], Awaitable[None]]

PUBLIC_BASE = "debian:bookworm-slim"
_BUILD_S = 3600.0
_PULL_S = 300.0
_PROBE_S = 60.0
_DOCKERFILE = "Dockerfile.claude-code"
# The legacy builder's `Step 3/20 : …` and BuildKit's `#7 [stage-2 3/9] …`.
_STEP = re.compile(r"^(?:Step (\d+/\d+) : (.*)|#\d+ \[\S+ +(\d+/\d+)\] (.*))$")


class State(StrEnum):
    """What the host has."""

    CURRENT = "current"
    OUTDATED = "outdated"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class _Found:
    state: State
    id: str


class Image:
    """The image of one host. `base_image` None: a public slim one, or one of the distribution's own packages.

    An explicit base that cannot be had is an error: nobody who names one wants another.
    """

    def __init__(self, runner: Runner, *, root: str, image: str, base_image: str | None, version: str) -> None:
        self._runner = runner
        self._root = root
        self._image = image
        self._base = base_image
        self._version = version
        self._lock = asyncio.Lock()
        self._current = False

    async def state(self) -> State:
        """Whether the image is there and made of what this package would make it of."""
        return (await self._look(await asyncio.to_thread(sources))).state

    async def ensure(self, progress: Progress) -> None:
        """Build it unless it is current. Raises ImageBuildFailed or DockerUnavailable; an older image stays then."""
        async with self._lock:
            if self._current:
                return
            parts = await asyncio.to_thread(sources)
            found = await self._look(parts)
            if found.state is not State.CURRENT:
                await self._build(parts, progress)
                if found.id:
                    # Refused while a container still uses it: then it goes with `docker image prune`.
                    await self._runner.run(commands.remove(found.id))
            self._current = True

    async def _look(self, parts: Mapping[str, bytes]) -> _Found:
        done = await self._runner.run(commands.label(self._image))
        if done.exit_code != 0:
            error = done.stderr.decode("utf-8", "replace")
            if "No such image" not in error:
                raise DockerUnavailable(f"Docker does not answer: {error.strip()[-300:]}.", remedy="Run `agentflow doctor`.")
            return _Found(State.MISSING, "")
        label, _, image_id = done.text.strip().partition(" ")
        wanted = inputs_hash(parts, self._version, self._base)
        return _Found(State.CURRENT if label == wanted else State.OUTDATED, image_id)

    async def _build(self, parts: Mapping[str, bytes], progress: Progress) -> None:
        await progress("The agent image is being made; the first time takes a few minutes.")
        base = await self._find_base(progress)
        directory = f"{self._root}/image"
        roots = await self._runner.run(commands.host_roots())
        for name, data in {**parts, "host-ca.crt": roots.stdout}.items():
            await self._runner.put(f"{directory}/{name}", data, mode=0o644)
        command = commands.build(
            directory,
            image=self._image,
            base=base,
            version=self._version,
            inputs=inputs_hash(parts, self._version, self._base),
            lock=f"{self._root}/image.lock",
        )
        await self._watch(command, progress, "The agent image could not be built")
        await progress("The agent image is ready.")

    async def _watch(self, command: Command, progress: Progress, failure: str) -> None:
        """Run it, telling its steps; its last lines are the reason if it fails."""
        tail = deque[str](maxlen=15)
        async with asyncio.timeout(_BUILD_S), self._runner.stream(command) as process:
            torn = ""
            async for chunk in process.chunks():
                *lines, torn = (torn + chunk.decode("utf-8", "replace")).split("\n")
                tail.extend(line.strip() for line in lines if line.strip())
                for step in filter(None, map(step_text, lines)):
                    await progress(step)
            done = await process.wait()
        if done.exit_code != 0:
            remedy = "Correct the cause and try again; `agentflow doctor` checks disk and network."
            raise ImageBuildFailed(f"{failure}:\n" + "\n".join([*tail, torn]).strip()[-1500:] + "\n", remedy=remedy)

    async def _find_base(self, progress: Progress) -> str:
        if self._base is not None:
            return await self._explicit(self._base, progress)
        own = f"agentflow-base:{(await self._release())['VERSION_CODENAME']}"
        for base in (PUBLIC_BASE, own):
            if (await self._runner.run(commands.exists(base))).exit_code == 0:
                return base
        await progress(f"Fetching {PUBLIC_BASE}.")
        try:
            if (await self._runner.run(commands.pull(PUBLIC_BASE), timeout=_PROBE_S)).exit_code == 0:
                return PUBLIC_BASE
        except TimeoutError:
            pass
        await progress("No image registry answers: making a base from the distribution's own packages.")
        await self._make_base(own, progress)
        return own

    async def _explicit(self, base: str, progress: Progress) -> str:
        if (await self._runner.run(commands.exists(base))).exit_code != 0:
            await progress(f"Fetching {base}.")
            done = await self._runner.run(commands.pull(base), timeout=_PULL_S)
            if done.exit_code != 0:
                reason = done.stderr.decode("utf-8", "replace").strip()[-300:]
                remedy = "Name an image the host can pull, or leave AGENTFLOW_BASE_IMAGE out."
                raise ImageBuildFailed(f"AGENTFLOW_BASE_IMAGE: {base} cannot be pulled: {reason}.", remedy=remedy)
        return base

    async def _release(self) -> dict[str, str]:
        done = await check(self._runner, commands.release())
        pairs = (line.split("=", 1) for line in done.text.splitlines() if "=" in line)
        return {"VERSION_CODENAME": "bookworm", "ID": "debian"} | {name: value.strip('"') for name, value in pairs}

    async def _make_base(self, image: str, progress: Progress) -> None:
        if (await self._runner.run(commands.has_debootstrap())).exit_code != 0:
            await progress("Installing debootstrap on the host.")
            installed = await self._runner.run(commands.install_debootstrap(), timeout=600)
            if installed.exit_code != 0:
                remedy = "Install debootstrap on the host, or set AGENTFLOW_BASE_IMAGE to an image it can pull."
                raise ImageBuildFailed("No base image can be had.", remedy=remedy)
        release = await self._release()
        components = "main,universe" if release["ID"] == "ubuntu" else "main"
        tree = f"{self._root}/base-{secrets.token_hex(4)}"
        try:
            command = commands.debootstrap(release["VERSION_CODENAME"], tree, components)
            await self._watch(command, progress, "The base could not be made (debootstrap needs root)")
            await progress("Importing the base.")
            await check(self._runner, commands.import_tree(tree, image), timeout=600)
        finally:
            await self._runner.run(files.remove_tree(tree), timeout=120)


def sources() -> Mapping[str, bytes]:
    """The files the image is built from, by their path in the build context."""
    home = _home()
    paths = [home / _DOCKERFILE, *sorted((home / "claude-settings").glob("*.json"))]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in paths}


def _home() -> Path:
    """Beside the packages in a checkout, inside this one when installed."""
    package = Path(__file__).parent
    return package.parent if (package.parent / _DOCKERFILE).is_file() else package / "image_files"


def inputs_hash(parts: Mapping[str, bytes], version: str, base: str | None) -> str:
    """What the image's label says: one hash over the files, the pinned CLI version and the base that was asked for."""
    digest = hashlib.sha256(f"{version}\0{base or ''}\0".encode())
    for name in sorted(parts):
        digest.update(f"{name}\0{len(parts[name])}\0".encode() + parts[name])
    return digest.hexdigest()[:16]


def step_text(line: str) -> str | None:
    """A line of the builder or of debootstrap as progress; None for one that says nothing to a person."""
    if found := _STEP.match(line.strip()):
        return f"Step {found[1] or found[3]}: {(found[2] or found[4])[:100]}"
    return line[:110] if line.startswith("I: ") and line.split(" ", 2)[1] not in ("Retrieving", "Validating") else None
