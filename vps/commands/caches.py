"""The package cache of an agent's container: where it is, who is told of it, how a tree's lies on its workspace's."""

from __future__ import annotations

from dataclasses import dataclass

from vps.host.layout import LABEL_ROOT

PLACE = "/var/cache/agent"
"""In every container. Not ~/.cache: the CLI and other tools keep logs and tokens there, which are one run's own."""

ENVIRON = {
    "PIP_CACHE_DIR": f"{PLACE}/pip",
    "UV_CACHE_DIR": f"{PLACE}/uv",
    "UV_PYTHON_CACHE_DIR": f"{PLACE}/uv-python",
    # A mount of its own: there are no hard links from it into a workspace.
    "UV_LINK_MODE": "copy",
    "npm_config_cache": f"{PLACE}/npm",
    "COREPACK_HOME": f"{PLACE}/corepack",
    # pnpm from 11 on. Up to 10 it reads npm_config_store_dir, at which npm 11 warns with every command: it has a file in the image.
    "pnpm_config_store_dir": f"{PLACE}/pnpm",
    # Yarn from 2 on. YARN_CACHE_FOLDER would be Yarn 1's too, but moves a cache that a repository has checked in.
    "YARN_GLOBAL_FOLDER": f"{PLACE}/yarn",
    "BUN_INSTALL_CACHE_DIR": f"{PLACE}/bun",
    "GOMODCACHE": f"{PLACE}/go-mod",
    "GOCACHE": f"{PLACE}/go-build",
    "MAVEN_ARGS": f"-Dmaven.repo.local={PLACE}/maven",
}
"""What points package managers there, each by its own documentation; checked with pip 23, uv, npm 11, pnpm 9 to 11, Yarn 3 and 4,
Bun 1. CARGO_HOME and GRADLE_USER_HOME are left out: they hold settings, programs and credentials with the packages.
"""

# Without these features the lower directory may change between two mounts, and a mount needs nothing of the file system that not
# all have (Documentation/filesystems/overlayfs.rst, "Changes to underlying filesystems").
_PLAIN = "index=off,metacopy=off,redirect_dir=nofollow,xino=off"


@dataclass(frozen=True, slots=True)
class Cache:
    """Directories of the host's. Without `lower`, `own` is mounted as it is."""

    own: str
    lower: str | None = None
    upper: str | None = None
    work: str | None = None


def layered(cache: Cache, root: str) -> str:
    """A `--mount` of an overlay: Docker makes it as an anonymous volume, which goes with the container and leaves the directories.

    The kernel writes to `upper` alone, whatever is done in the container.
    """
    options = f"lowerdir={cache.lower},upperdir={cache.upper},workdir={cache.work},{_PLAIN}"
    return (
        f"type=volume,dst={PLACE},volume-nocopy,volume-driver=local,volume-label={LABEL_ROOT}={root},"
        f'volume-opt=type=overlay,volume-opt=device=overlay,"volume-opt=o={options}"'
    )
