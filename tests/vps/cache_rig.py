"""Agents that do what their tasks say in a shell, and what one of them may do to a package cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tests.vps.conftest import Machine
from vps.events import types as t
from vps.git_containers import GitCredential
from vps.models import Limits
from vps.outcome import Ending
from vps.testing.model import Reply, ScriptedModel, bash, say
from vps.testing.model.conversation import Conversation

HOSTILE = r"""
cd /var/cache/agent
python3 - <<'END'
import ctypes, mmap, os
with open("pip/wheel", "r+b") as file:
    held = mmap.mmap(file.fileno(), 0)
    held[0:4] = b"EVIL"
    held.flush()
os.link("pip/wheel", "pip/second-name")
with open("pip/second-name", "ab") as file:
    file.write(b"through a second name")
for name, value in (("user.overlay.redirect", b"/"), ("trusted.overlay.redirect", b"/"), ("user.mark", b"x")):
    try:
        os.setxattr("pip", name, value)
    except OSError as error:
        print("setxattr", name, error.strerror)
libc = ctypes.CDLL(None, use_errno=True)
for source, target, kind in ((b"overlay", b"/var/cache/agent", b"overlay"), (b"tmpfs", b"/tmp", b"tmpfs")):
    print("mount", libc.mount(source, target, kind, 32, None))
END
chmod 0777 pip pip/wheel; chmod -R a-w npm; chmod -R u+w npm
rm pip/old; rm -rf npm/_cacache/content; mkdir -p npm/_cacache/content; echo forged > npm/_cacache/content/sha512
mv uv uv-moved; mkdir uv; ln -s /etc uv/link; ln -sf /etc/passwd pip/linked; echo over > pip/linked
ln -sf "$(grep -o 'lowerdir=[^,]*' /proc/mounts | grep caches | cut -d= -f2)" lower; echo through > lower/pip/wheel
mknod pip/young c 0 0; mkfifo pip/fifo; touch -d 2001-01-01 pip pip/wheel; chmod u+w go; truncate -s 0 go
head -c 4 pip/wheel; echo; cat npm/_cacache/content/sha512; ls
"""


def run_the_task(conversation: Conversation) -> Reply:
    """The agent does what its task says, to the letter, in a shell of its own: the CLI remarks on one that changes directory."""
    return say("Done.") if conversation.rounds else bash(f"(\n{conversation.task}\n)", "do", timeout=300_000)


class Agents:
    """Agents on one machine that run their tasks as shell commands."""

    def __init__(self, machine: Machine, model: ScriptedModel) -> None:
        machine.talk_to(model)
        self.machine = machine
        self.workspaces = machine.workspaces_with(GitCredential())
        self.caches = machine.root / "caches"

    async def do(self, command: str, workspace: str = "workspace") -> str:
        """What a command of an agent's prints."""
        return await self.said(await self.start(command, workspace))

    async def start(self, command: str, workspace: str = "workspace") -> str:
        limits = Limits(timeout_s=200)
        return await self.machine.start(command, workspace=self.workspaces.path(workspace), limits=limits)

    async def said(self, name: str) -> str:
        ended = await self.machine.ended(name)
        assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
        return "\n".join(event.text for event in ended.events if isinstance(event, t.ToolResult))

    async def tree(self, slug: str, workspace: str = "workspace") -> str:
        return (await self.workspaces.branch_off(self.workspaces.path(workspace), slug))[0]

    async def volumes(self) -> str:
        return await self.machine.docker(
            "volume", "ls", "--quiet", "--filter", f"label=agentflow.root={self.machine.root}"
        )


def everything(directory: Path) -> dict[str, tuple[object, ...]]:
    """All that a file system tells of a directory, but for when it was read; its own times are the host's, which notes its use."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (directory, *sorted(directory.rglob("*"))):
        state = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        target = str(path.readlink()) if path.is_symlink() else ""
        times = (state.st_mtime_ns, state.st_ctime_ns) if path != directory else ()
        owner = (state.st_mode, state.st_uid, state.st_gid, state.st_nlink)
        found[str(path)] = (*owner, *times, content, target, tuple(os.listxattr(path, follow_symlinks=False)))
    return found


FILL = """
cd /var/cache/agent; mkdir -p pip npm/_cacache/content uv/archive
echo good > pip/wheel; echo good > pip/old; echo good > pip/linked; echo good > npm/_cacache/content/sha512
echo good > uv/archive/a; echo good > go; chmod 0444 go
"""


def nest(directory: Path) -> None:
    """Directories inside each other, too deep for a path and for Python's own walks."""
    outer = os.open(directory, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=outer)
        inner = os.open("d", os.O_RDONLY, dir_fd=outer)
        os.close(outer)
        outer = inner
    os.close(outer)
