"""Workspaces of a machine against remotes on loopback, for several files of tests."""

from __future__ import annotations

from pathlib import Path

from tests.vps.conftest import Machine
from tests.vps.git_remote import GitRemote
from vps.remotes import parse_remote
from vps.shell import cmd
from vps.workspaces import Workspaces

AUTHOR = ("Ada Lovelace", "ada@example.org")


class Told:
    """Progress, as it was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def __call__(self, text: str) -> None:
        self.lines.append(text)


async def cloned(workspaces: Workspaces, remote: GitRemote, name: str = "api", branch: str | None = None) -> Told:
    """The repository `owner/<name>` as a workspace of that name."""
    told = Told()
    await workspaces.clone(parse_remote(f"{remote.url}/owner/{name}.git"), name, branch, told)
    return told


async def fresh_clone(
    workspaces: Workspaces, remote: GitRemote, files: dict[str, str] | None = None, branches: tuple[str, ...] = ()
) -> Path:
    """A new repository `owner/api` on the remote, cloned as the workspace `api`; where the remote keeps it."""
    bare = await remote.repository("api", files or {"main.py": "print(1)\n"}, branches)
    await cloned(workspaces, remote)
    return bare


async def write(machine: Machine, name: str, file: str, text: str, mode: int = 0o644) -> Path:
    """A file of an agent's."""
    path = machine.root / "workspaces" / name / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    await machine.host.run(cmd("chown", "-R", "-h", "1001:1001", str(path.parent)))
    return path


def left_aside(machine: Machine) -> list[str]:
    """What of a making or a removal that did not come to its end still lies there."""
    return sorted(path.name for part in ("", "workspaces", "git") for path in (machine.root / part).glob(".*-*"))


async def agents_git(machine: Machine, name: str, *words: str) -> str:
    """git as an agent runs it in its tree."""
    tree = machine.root / "workspaces" / name
    dropped = ("setpriv", "--reuid", 1001, "--regid", 1001, "--clear-groups")
    identity = ("-c", "user.name=agent", "-c", "user.email=agent@localhost")
    done = await machine.host.run(cmd(dropped, "env", "HOME=/nonexistent", "git", "-C", str(tree), identity, words))
    assert done.exit_code == 0, done.stderr
    return done.text.strip()


def refuse(repository: Path, *words: str) -> None:
    """Let the remote's own hook refuse every push, with these lines; none takes the hook away."""
    hook = repository / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    lines = "\n".join(words)
    hook.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{lines}\nEND\nexit 1\n" if words else "#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
