"""What a tree hands over to its vault: one pack, in a directory where an agent's processes may have left anything.

Nothing there is opened as a repository, a bundle or a path that git would resolve: a regular file's bytes go through
`git index-pack --strict`, which reads nothing else, into a directory that only becomes the vault's when everything in it is whole.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time

from vps.container.git_run import Failed, Git, Refused

PACK = "/run/agentflow/transfer/pack"
_MAX_BYTES = 2 << 30
_STALE_S = 3600.0
# Marks of old tools, in histories that an agent may have merged: they harm nobody. Everything else git-fsck(1) knows is refused.
_OLD = ("missingEmail", "missingNameBeforeEmail", "missingSpaceBeforeEmail", "missingSpaceBeforeDate", "badEmail", "badDate",
        "badDateOverflow", "badTimezone", "zeroPaddedDate", "zeroPaddedFilemode", "multipleAuthors", "nulInCommit")  # fmt: skip
_STRICT = "--strict=" + ",".join(f"{name}=ignore" for name in _OLD)


def take(git: Git, vault: str, sha: str) -> None:
    """Bring the pack's objects into the vault. Raises Refused unless `sha` is a commit with all its history then."""
    objects = os.path.join(vault, "objects")
    _sweep(objects)
    aside = os.path.join(objects, f"incoming-{secrets.token_hex(8)}")
    os.makedirs(os.path.join(aside, "pack"))
    env = {"GIT_OBJECT_DIRECTORY": aside, "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects}
    try:
        _unpack(git, env)
        _expect_whole(git, sha, env)
        _move(os.path.join(aside, "pack"), os.path.join(objects, "pack"))
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sweep(objects: str) -> None:
    """What a container that was killed left."""
    for name in os.listdir(objects):
        path = os.path.join(objects, name)
        if name.startswith("incoming-") and time.time() - os.lstat(path).st_mtime > _STALE_S:
            shutil.rmtree(path, ignore_errors=True)


def _unpack(git: Git, env: dict[str, str]) -> None:
    try:
        # A FIFO would block, a link would lead elsewhere.
        descriptor = os.open(PACK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError:
        raise _odd() from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _odd()
        if found.st_size > _MAX_BYTES:
            raise Refused(
                "workspace_name", "its new commits hold more than 2 GiB", "Leave large files out, or use Git LFS."
            )
        git("-c", "core.bigFileThreshold=32m", "index-pack", "--stdin", "--fix-thin", _STRICT, f"--max-input-size={_MAX_BYTES}",
            stdin=descriptor, env=env)  # fmt: skip
    except Failed as failed:
        raise _damaged(failed) from None
    finally:
        os.close(descriptor)


def _expect_whole(git: Git, sha: str, env: dict[str, str]) -> None:
    """As git does after a fetch: walk from the commit to what the vault has already."""
    if not git.holds("cat-file", "-e", f"{sha}^{{commit}}", env=env):
        raise Refused("workspace_name", "its commits did not arrive", "Look at it with `git fsck`.")
    try:
        git("rev-list", "--objects", "--quiet", "--stdin", "--not", "--all", data=f"{sha}\n".encode(), env=env)
    except Failed as failed:
        raise _damaged(failed) from None


def _move(source: str, target: str) -> None:
    """The index goes last: without it git sees no pack."""
    os.makedirs(target, exist_ok=True)
    for name in sorted(os.listdir(source), key=lambda name: name.endswith(".idx")):
        os.rename(os.path.join(source, name), os.path.join(target, name))


def _odd() -> Refused:
    return Refused(
        "workspace_name",
        "its commits could not be read",
        "Something in it replaced them: look at its filters and hooks.",
    )


def _damaged(failed: Failed) -> Exception:
    if "No space left" in failed.stderr:
        return failed
    lines = [line for line in failed.stderr.splitlines() if line.startswith(("error:", "fatal:"))]
    why = lines[0].partition(": ")[2] if lines else "git gives no reason"
    return Refused("workspace_name", f"its commits are damaged ({why[:200]})", "Look at it with `git fsck`.")


__all__ = ["PACK", "take"]
