"""The agent image: built on the host at first use, and again only when what it is built from changes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vps.base_image import obtain_base
from vps.build_lock import REMEDY, build_lock
from vps.build_output import Progress, watch
from vps.commands import docker
from vps.commands import image as commands
from vps.errors import DockerUnavailable, ImageBuildFailed
from vps.runner import Runner

_DOCKERFILE = "Dockerfile.claude-code"
_ROOTS = "host-ca.crt"
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\n.*?\n-----END CERTIFICATE-----\n", re.DOTALL)


class State(StrEnum):
    """What the host has under the image's name."""

    CURRENT = "current"
    OUTDATED = "outdated"
    MISSING = "missing"
    FOREIGN = "foreign"
    """An image that was not built from our Dockerfile: never replaced."""


@dataclass(frozen=True, slots=True)
class _Found:
    state: State
    parts: Mapping[str, bytes]
    inputs: str


class Image:
    """The image of one host. `base_image` None: see `vps.base_image.obtain_base`; `read_sources` None: `sources`."""

    def __init__(
        self,
        runner: Runner,
        *,
        root: str,
        image: str,
        base_image: str | None,
        version: str,
        read_sources: Callable[[], Mapping[str, bytes]] | None = None,
    ) -> None:
        self._runner = runner
        self._directory = f"{root}/image"
        self._image = image
        self._base = base_image
        self._version = version
        self._read_sources = read_sources or sources
        self._lock = asyncio.Lock()

    async def state(self) -> State:
        """Whether the image is there and made of what it would be made of now. Raises DockerUnavailable."""
        return (await self._look()).state

    async def ensure(self, progress: Progress) -> None:
        """Build the image unless it is current; at once with other callers and other control planes it is built once.

        Raises ImageBuildFailed or DockerUnavailable; an older image stays then.
        """
        if await self.state() is State.CURRENT:
            return
        async with self._lock, build_lock(self._runner, progress):
            found = await self._look()
            if found.state is State.FOREIGN:
                remedy = "Remove that image, or choose another name in AGENTFLOW_IMAGE."
                raise ImageBuildFailed(f"AGENTFLOW_IMAGE: {self._image} was not built by AgentFlow.", remedy=remedy)
            if found.state is not State.CURRENT:
                await self._build(found, progress)

    async def _look(self) -> _Found:
        own, roots, done = await asyncio.gather(
            asyncio.to_thread(self._read_sources),
            self._runner.run(commands.host_roots()),
            self._runner.run(commands.labels(self._image)),
        )
        parts = {**own, _ROOTS: certificates(roots.stdout)}
        inputs = inputs_hash(parts, self._version, self._base)
        if done.exit_code != 0:
            await self._expect_engine()
            return _Found(State.MISSING, parts, inputs)
        labels: dict[str, str] = json.loads(done.text) or {}
        built_from = labels.get(commands.LABEL_INPUTS)
        if built_from is None:
            return _Found(State.FOREIGN, parts, inputs)
        return _Found(State.CURRENT if built_from == inputs else State.OUTDATED, parts, inputs)

    async def _expect_engine(self) -> None:
        done = await self._runner.run(docker.version())
        if done.exit_code != 0:
            reason = done.stderr.decode("utf-8", "replace").strip()[-300:]
            raise DockerUnavailable(f"Docker does not answer: {reason}.", remedy="Run `agentflow doctor`.")

    async def _build(self, found: _Found, progress: Progress) -> None:
        await progress("The agent image is being made; the first time takes a few minutes.")
        base = await obtain_base(self._runner, self._base, self._directory, progress)
        context = f"{self._directory}/context"
        for name, data in found.parts.items():
            await self._runner.put(f"{context}/{name}", data, mode=0o644)
        command = commands.build(context, image=self._image, base=base, version=self._version, inputs=found.inputs)
        try:
            await watch(self._runner, command, progress, failure="The agent image could not be built", remedy=REMEDY)
        finally:
            await self._runner.run(commands.prune())
        await progress("The agent image is ready.")


def sources() -> Mapping[str, bytes]:
    """The files the image is built from, by their path in the build context."""
    home = _home()
    paths = [home / _DOCKERFILE, *sorted((home / "claude-settings").glob("*.json"))]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in paths}


def _home() -> Path:
    """Beside the packages in a checkout, inside this one when installed."""
    package = Path(__file__).parent
    return package.parent if (package.parent / _DOCKERFILE).is_file() else package / "image_files"


def certificates(text: bytes) -> bytes:
    """The PEM certificates in a text, each once and in an order of their own, so that equal sets are equal bytes."""
    found = set(_CERTIFICATE.findall(text.replace(b"\r\n", b"\n") + b"\n"))
    return b"".join(sorted(found))


def inputs_hash(parts: Mapping[str, bytes], version: str, base: str | None) -> str:
    """What the image's label says: one hash over the files, the pinned CLI version and the base that was asked for."""
    digest = hashlib.sha256(f"{version}\0{base or ''}\0".encode())
    for name in sorted(parts):
        digest.update(f"{name}\0{len(parts[name])}\0".encode() + parts[name])
    return digest.hexdigest()[:16]
