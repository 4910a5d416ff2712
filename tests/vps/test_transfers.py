"""What a tree hands to its vault lies where an agent's processes can put anything: none of it opens another repository."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.agent_image import IMAGE
from tests.vps.conftest import RUN_S, Machine
from tests.vps.git_remote import ENVIRON, GitRemote, git
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, cloned, write
from vps.commands import git as commands
from vps.errors import BadInput, VpsError
from vps.relay import Relay
from vps.shell import Cmd, cmd
from vps.workspaces import Workspaces

SECRET = "the-other-repositorys-secret"


@pytest.fixture
async def workspaces(workspaces: Workspaces, remote: GitRemote) -> Workspaces:
    """With `mine` and `theirs`."""
    await remote.repository("mine", {"a.txt": "a\n"})
    await remote.repository("theirs", {"secret.txt": SECRET})
    await cloned(workspaces, remote, "mine")
    await cloned(workspaces, remote, "theirs")
    return workspaces


async def plant(machine: Machine, script: str) -> None:
    """A filter that runs while the branch is packed; TRANSFER is where the pack goes, THEIRS another workspace's repository."""
    theirs = machine.root / "git" / "theirs.git"
    text = f"#!/bin/sh\nT=/run/agentflow/transfer THEIRS={theirs}\n[ -d $T ] && {{ {script}\n}} >/dev/null 2>&1\ncat\n"
    path = await write(machine, "mine", ".git/planted", text, 0o755)
    await agents_git(machine, "mine", "config", "filter.evil.clean", str(path))
    await write(machine, "mine", ".gitattributes", "*.txt filter=evil\n")
    await write(machine, "mine", "b.txt", "b\n")
    await agents_git(machine, "mine", "add", ".")
    await agents_git(machine, "mine", "commit", "-m", "Mine")
    # Its time is another, its content the same: git asks the filter again.
    os.utime(machine.root / "workspaces" / "mine" / "b.txt", (1, 1))


def repository_at(name: str) -> str:
    return f"""git init -q --bare $T/{name}; echo $THEIRS/objects > $T/{name}/objects/info/alternates
rm -f $T/{name}/refs/heads/main; ln -s $THEIRS/refs/remotes/origin/main $T/{name}/refs/heads/main"""


PLANTS = {
    "a repository that borrows": repository_at("pack"),
    "a link to another's pack": "ln -s $(ls $THEIRS/objects/pack/*.pack || echo $THEIRS/objects/pack/pack-x.pack) $T/pack",
    "a file that points elsewhere": "echo gitdir: $THEIRS > $T/pack",
    "a FIFO": "mkfifo $T/pack",
}


async def objects_of(vault: Path) -> set[str]:
    return set((await git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=vault)).split())


async def in_vault(machine: Machine, op: str, transfer: str = "", **fields: str) -> str:
    """What the container answers that has the vault of `mine`, refused or not."""
    vault = str(machine.root / "git" / "mine.git")
    place = commands.Place(IMAGE, machine.relay.library, vault=vault, transfer=transfer)
    request = {"op": op, "network": False, "vault": vault, **fields}
    command = commands.vault(place, network=False, seconds=60)
    done = await machine.relay.run(command, stdin=json.dumps(request).encode() + b"\n", timeout=90)
    assert done.exit_code == 0, done.stderr
    return done.text


async def take(machine: Machine, sha: str, branch: str = "main", transfer: str = "") -> str:
    """What comes of a commit that a tree names; `refused`, or `done`."""
    return await in_vault(machine, "take", transfer, tree="mine", branch=branch, sha=sha)


async def nothing_came(machine: Machine, remote: GitRemote) -> None:
    vault = machine.root / "git" / "mine.git"
    assert await remote.head("theirs") not in await objects_of(vault)
    assert not list((vault / "objects").glob("incoming-*"))
    assert not list((machine.root / "transfer").iterdir())


async def test_a_filter_that_plants_a_repository_brings_no_others_objects(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    path = str(machine.root / "workspaces" / "mine")
    await plant(machine, repository_at("bundle") + "\n" + repository_at("pack"))
    with pytest.raises(VpsError):
        await workspaces.branch_off(path, "beside-0")
    await agents_git(machine, "mine", "reset", "--quiet", "--hard", "HEAD~1")
    await write(machine, "mine", ".gitattributes", "*.txt filter=evil\n")

    # Now the vault has all of its commits: what lies there is not of our making.
    for number in (1, 2):
        os.utime(machine.root / "workspaces" / "mine" / "a.txt", (number, number))
        with pytest.raises(VpsError):
            await workspaces.branch_off(path, f"beside-{number}")
    await nothing_came(machine, remote)


async def test_whatever_lies_where_the_pack_was_is_no_way_into_another_repository(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    for script in PLANTS.values():
        transfer = (await machine.relay.ask("transfer"))["path"]
        lines = f"T={transfer} THEIRS={machine.root}/git/theirs.git\n{script}"
        assert (await machine.host.run(cmd("sh", "-c", lines))).exit_code == 0
        told = await take(machine, await remote.head("theirs"), transfer=transfer)
        assert "could not be read" in told or "damaged" in told
        await machine.relay.ask("end-transfer", {"path": transfer})
        await nothing_came(machine, remote)


async def test_a_container_that_works_in_a_vault_sees_no_other(
    machine: Machine, workspaces: Workspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    run, stream = machine.relay.run, machine.relay.stream

    def noted(call: Any) -> Any:
        def wrapped(command: Cmd, **more: Any) -> Any:
            seen.append(" ".join(map(str, command.argv)))
            return call(command, **more)

        return wrapped

    monkeypatch.setattr(machine.relay, "run", noted(run))
    monkeypatch.setattr(machine.relay, "stream", noted(stream))
    await write(machine, "mine", "a.txt", "changed\n")
    await workspaces.push("mine", "Work", AUTHOR, Told())
    await workspaces.sync("mine", Told())
    await workspaces.vault("mine")
    name, _ = await workspaces.branch_off(str(machine.root / "workspaces" / "mine"), "beside")
    await workspaces.delete(name, force=True)

    vaults = [words for words in seen if "agentflow.git=vault" in words]
    assert len(vaults) >= 6
    for words in vaults:
        assert f"src={machine.root}/git/mine.git," in words
        assert f"src={machine.root}/git," not in words


async def test_what_a_tree_says_of_itself_is_taken_only_as_a_branch_and_a_commit_of_its_own_vault(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    theirs, mine = await remote.head("theirs"), await remote.head("mine")
    vault = machine.root / "git" / "mine.git"
    before = await git("for-each-ref", cwd=vault)
    commits = (theirs, f"+{mine}", "", "HEAD", "--all", f"{mine}^{{tree}}", f"{mine}\n")
    branches = ("x:refs/heads/main", "../../heads/x", "a b", "", "a\n", "main.lock", "-x/..", "a\udce9")
    for branch, sha in (*(("main", sha) for sha in commits), *((branch, mine) for branch in branches)):
        assert "refused" in await take(machine, sha, branch), (branch, sha)
    assert await git("for-each-ref", cwd=vault) == before


async def handed_over(machine: Machine, pack: bytes, sha: str) -> str:
    transfer = Path((await machine.relay.ask("transfer"))["path"])
    (transfer / "pack").write_bytes(pack)
    try:
        return await take(machine, sha, transfer=str(transfer))
    finally:
        await machine.relay.ask("end-transfer", {"path": str(transfer)})


async def scratch(tmp_path: Path) -> Path:
    where = tmp_path / "scratch"
    await git("init", "--quiet", str(where))
    return where


async def commit(where: Path, tree: str) -> str:
    return await git("commit-tree", "-m", "x", tree, cwd=where)


async def packed(where: Path, *objects: str) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "git", "pack-objects", "--quiet", "--stdout", cwd=where, env=ENVIRON, stdin=pipe, stdout=pipe
    )
    out, _ = await process.communicate(("\n".join(objects) + "\n").encode())
    return out


async def test_a_tree_git_would_not_check_out_is_refused_and_nothing_of_it_stays(
    machine: Machine, workspaces: Workspaces, tmp_path: Path
) -> None:
    where = await scratch(tmp_path)
    inner = await git("mktree", cwd=where, data=b"")
    blob = await git("hash-object", "-w", "--stdin", cwd=where, data=b"../../etc")
    vault = machine.root / "git" / "mine.git"
    before = await objects_of(vault)
    for entry in (b"40000 .git", b"40000 .GIT", b"40000 ..", b"120000 .gitmodules", b"100644 a/b"):
        target = inner if entry.startswith(b"4") else blob
        raw = entry + b"\0" + bytes.fromhex(target)
        tree = await git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", cwd=where, data=raw)
        head = await commit(where, tree)
        assert "damaged" in await handed_over(machine, await packed(where, head, tree, target), head), entry
    assert await objects_of(vault) == before
    assert not list((vault / "objects").glob("incoming-*"))


async def test_a_commit_whose_history_or_files_are_not_there_is_refused(
    machine: Machine, workspaces: Workspaces, tmp_path: Path
) -> None:
    where = await scratch(tmp_path)
    blob = await git("hash-object", "-w", "--stdin", cwd=where, data=secrets.token_bytes(30))
    tree = await git("mktree", cwd=where, data=f"100644 blob {blob}\tx\n".encode())
    head = await commit(where, tree)

    assert "damaged" in await handed_over(machine, await packed(where, head, tree), head)
    assert "damaged" in await handed_over(machine, (await packed(where, head, tree, blob))[:-30], head)
    assert "did not arrive" in await handed_over(machine, await packed(where, blob), head)
    assert "done" in await handed_over(machine, await packed(where, head, tree, blob), head)
    assert head in await objects_of(machine.root / "git" / "mine.git")


async def test_a_pack_of_more_than_two_gibibytes_is_refused_unread(machine: Machine, workspaces: Workspaces) -> None:
    transfer = Path((await machine.relay.ask("transfer"))["path"])
    with (transfer / "pack").open("wb") as file:
        file.truncate((2 << 30) + 1)
    assert "more than 2 GiB" in await take(machine, "0" * 40, transfer=str(transfer))
    await machine.relay.ask("end-transfer", {"path": str(transfer)})


async def test_why_a_transfer_failed_is_told_and_it_goes_whatever_was_left_in_it(
    machine: Machine, workspaces: Workspaces
) -> None:
    await plant(machine, "mkdir -p $T/d/e; touch $T/d/e/f $T/g; chmod 1700 $T/d")
    await agents_git(machine, "mine", "checkout", "--quiet", "--orphan", "empty")
    os.utime(machine.root / "workspaces" / "mine" / "b.txt", (2, 2))

    with pytest.raises(BadInput, match="has no commit on a branch yet"):
        await workspaces.branch_off(str(machine.root / "workspaces" / "mine"), "beside")

    assert not list((machine.root / "transfer").iterdir())


async def test_a_transfer_that_nobody_ended_goes_when_the_host_is_next_connected_to(machine: Machine) -> None:
    old, fresh = [Path((await machine.relay.ask("transfer"))["path"]) for _ in range(2)]
    (old / "pack").write_text("private")
    os.utime(old, (0, 0))

    async with Relay(machine.host, machine.library, str(machine.root)) as again:
        await again.ask("facts")
        async with asyncio.timeout(RUN_S):
            while old.exists():
                await again.ask("facts")
    assert fresh.exists()
