"""Files and directories on the host."""

from __future__ import annotations

import posixpath

from vps.shell import Command, both, cmd


def put(path: str, mode: int, *, nonce: str) -> Command:
    """Write stdin to `path` with its directories; a reader sees the old file or the new one, never a part."""
    return both(cmd("mkdir", "-p", "--", posixpath.dirname(path)), put_into(path, mode, f"{path}.{nonce}"))


def put_into(path: str, mode: int, temporary: str) -> Command:
    """The same into a directory that is there, by way of a name beside it; where it is gone nothing is made."""
    return both(
        cmd("install", "-m", f"{mode:04o}", "-T", "--", "/dev/stdin", temporary),
        cmd("mv", "-f", "-T", "--", temporary, path),
    )


def remove_tree(path: str) -> Command:
    """Remove a directory with all below it."""
    return cmd("rm", "-rf", "--one-file-system", "--", path)


def unpack(directory: str) -> Command:
    """Unpack the tar archive on stdin into a new directory."""
    return both(cmd("mkdir", "-p", "--", directory), cmd("tar", "-x", "-m", "--no-same-owner", "-C", directory))


def move(source: str, target: str) -> Command:
    """Rename; the target must not be a directory already."""
    return cmd("mv", "-T", "--", source, target)


def exists(path: str) -> Command:
    """Ends with 0 if the path exists."""
    return cmd("test", "-e", path)


def remove_trees(paths: list[str]) -> Command:
    """Remove files and directories with all below them."""
    return cmd("rm", "-rf", "--one-file-system", "--", paths)


def remove_empty(*directories: str) -> Command:
    """Remove those of the directories that are empty, in turn."""
    return cmd("rmdir", "--ignore-fail-on-non-empty", "--", directories)


def directories(directory: str) -> Command:
    """Prints the directories in one, each with a NUL behind it; links are none."""
    return cmd("find", directory, "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-print0")


def make(directory: str, mode: int) -> Command:
    """Make a directory, and those above it as usual; one that is there stays as it is."""
    return cmd("mkdir", "-p", "-m", f"{mode:04o}", "--", directory)
