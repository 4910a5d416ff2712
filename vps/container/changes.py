"""What a run changes in its workspace, told by git as the agent's user: without a credential, in the agent's own container."""

from __future__ import annotations

import os
import re
import select
import time

from vps.container.launch import as_agent, spawn

_STORE = "/tmp/.agentflow-changes"
_GIT = "git -c core.fsmonitor=false -c core.hooksPath=/dev/null -c core.quotePath=false"

# Both trees are written with an index and an object store outside the repository, which stays as it is.
_WRITE_TREE = f"""
set -e
export GIT_OPTIONAL_LOCKS=0
top=$(git rev-parse --show-toplevel)
cd "$top"
objects=$(git rev-parse --path-format=absolute --git-path objects)
index=$(git rev-parse --path-format=absolute --git-path index)
mkdir -p {_STORE}/objects
if [ -f "$index" ]; then cp "$index" {_STORE}/index; fi
export GIT_INDEX_FILE={_STORE}/index GIT_OBJECT_DIRECTORY={_STORE}/objects GIT_ALTERNATE_OBJECT_DIRECTORIES="$objects"
{_GIT} add -A
tree=$({_GIT} write-tree)
"""
_BEFORE = _WRITE_TREE + 'printf "%s\\n" "$tree"\n'
_AFTER = _WRITE_TREE + f'{_GIT} diff --stat=72 --no-ext-diff --no-textconv --no-color "$1" "$tree"\n'

_LIMIT = 16_384
_SUMMARY = re.compile(r"(\d+) files? changed(?:, (\d+) insertions?\(\+\))?(?:, (\d+) deletions?\(-\))?")


class Changes:
    """`begin()` notes the workspace's tree, `end()` compares. Both are bounded; whatever fails, the answer is None."""

    def __init__(self, cwd: str) -> None:
        self._cwd = cwd
        self._before: tuple[int, int] | None = None

    def begin(self) -> None:
        """Start noting the tree, in the background, unless that was done since the last `end()`."""
        self._before = self._before or self._start(_BEFORE)

    @property
    def pid(self) -> int | None:
        """The helper that may still be running."""
        return self._before[0] if self._before else None

    def end(self, seconds: float = 10.0) -> dict[str, object] | None:
        """The diffstat since `begin()`; None where there is no git repository or git does not answer in time."""
        deadline = time.monotonic() + seconds
        if self._before is None:
            return None
        before, self._before = self._before, None
        tree = _finish(*before, deadline=deadline).strip()
        if not re.fullmatch(r"[0-9a-f]{40,64}", tree):
            return None
        return _counted(_finish(*self._start(_AFTER, tree), deadline=deadline))

    def _start(self, script: str, *words: str) -> tuple[int, int]:
        reader, writer = os.pipe()
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            argv = as_agent(["/bin/sh", "-c", script, "changes", *words], self._cwd)
            environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/claude", "LC_ALL": "C.UTF-8"}
            return spawn(argv, environ, {0: null, 1: writer, 2: null}), reader
        finally:
            os.close(writer)
            os.close(null)


def _counted(stat: str) -> dict[str, object]:
    found = _SUMMARY.search(stat.rstrip().rsplit("\n", 1)[-1])
    files, plus, minus = (int(number or 0) for number in found.groups()) if found else (0, 0, 0)
    return {"stat": stat.rstrip()[-_LIMIT:], "files": files, "insertions": plus, "deletions": minus}


def _finish(pid: int, reader: int, *, deadline: float) -> str:
    """Its output, read to the end or the deadline; the process is killed if it is still there, and reaped."""
    chunks: list[bytes] = []
    while (left := deadline - time.monotonic()) > 0 and select.select([reader], [], [], left)[0]:
        chunk = os.read(reader, 65_536)
        if not chunk:
            break
        chunks.append(chunk)
    os.close(reader)
    _reap(pid)
    return b"".join(chunks).decode("utf-8", "replace")


def _reap(pid: int) -> None:
    try:
        os.killpg(pid, 9)
    except (ProcessLookupError, PermissionError):
        pass
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass
