"""What a clone brings, and what a new workspace starts with."""

from __future__ import annotations

import pytest

from tests.vps.conftest import Machine
from tests.vps.git_remote import GitRemote, git
from tests.vps.workspace_rig import AUTHOR, Told, cloned
from vps.errors import BadInput
from vps.remotes import parse_remote
from vps.workspaces import Workspaces


async def test_a_clone_is_a_tree_of_the_agents_user_with_the_remotes_branches(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"main.py": "print(1)\n"}, branches=("dev",))
    told = await cloned(workspaces, remote)

    tree = machine.root / "workspaces" / "api"
    assert (tree / "main.py").read_text() == "print(1)\n"
    assert {path.lstat().st_uid for path in (tree, *tree.rglob("*"))} == {1001}
    assert told.lines[0].startswith("Cloning")
    (found,) = [each for each in await workspaces.list() if each.name == "api"]
    assert (found.branch, found.base, found.ahead, found.behind, found.changed) == ("main", "origin/main", 0, 0, 0)
    assert found.unsaved == ""
    assert await git("branch", "-r", "--format=%(refname:short)", cwd=tree) == "origin/dev\norigin/main"


async def test_a_branch_older_than_two_hundred_others_is_checked_out(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await remote.repository("api", {"main.py": "print(1)\n"}, branches=("old",))
    main = await remote.head("api")
    lines = [f"commit refs/heads/b{n:03}\ncommitter R <r@localhost> {4_000_000_000 + n} +0000\ndata 1\nx\nfrom {main}\n"
             for n in range(205)]  # fmt: skip
    await git("fast-import", "--quiet", cwd=bare, data="".join(lines).encode())

    await cloned(workspaces, remote)
    assert (machine.root / "workspaces" / "api" / "main.py").exists()
    assert (await workspaces.find("api")).head == main
    assert (await workspaces.vault("api", "old")).start == main
    assert (await workspaces.vault("api", "nonesuch")).start == ""
    await workspaces.clone(parse_remote(f"{remote.url}/owner/api.git"), "older", "old", Told())
    assert ((await workspaces.find("older")).branch, (await workspaces.find("older")).head) == ("old", main)


async def test_a_remote_whose_head_names_no_branch_is_cloned_at_its_newest(
    workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await remote.repository("api", {"a": "b"}, branches=("trunk",))
    await git("symbolic-ref", "HEAD", "refs/heads/nonesuch", cwd=bare)
    await git("update-ref", "-d", "refs/heads/main", cwd=bare)
    await cloned(workspaces, remote)
    assert (await workspaces.find("api")).branch == "trunk"


async def test_a_branch_that_is_not_there_is_told_with_those_that_are(
    workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"a": "b"}, branches=("dev",))
    with pytest.raises(BadInput, match="It has: "):
        await cloned(workspaces, remote, branch="nonesuch")
    assert "api" not in await workspaces.names()


async def test_submodules_and_large_files_that_a_clone_does_not_bring_are_told(
    workspaces: Workspaces, remote: GitRemote
) -> None:
    modules = '[submodule "x"]\n\tpath = x\n\turl = https://example.org/x.git\n'
    await remote.repository("api", {"a": "b", ".gitmodules": modules, ".gitattributes": "*.bin filter=lfs -text\n"})
    await remote.repository("plain", {"a": "b"})
    await cloned(workspaces, remote)
    await cloned(workspaces, remote, "plain")
    told, plain = await workspaces.vault("api"), await workspaces.vault("plain")
    assert (told.submodules, told.lfs, plain.submodules, plain.lfs) == (True, True, False, False)


async def test_a_created_workspace_has_a_commit_and_no_remote(workspaces: Workspaces) -> None:
    await workspaces.create("fresh")

    found = await workspaces.find("fresh")
    assert (found.branch, found.unsaved) == ("main", "")
    with pytest.raises(BadInput, match="no remote"):
        await workspaces.push("fresh", "x", AUTHOR, Told())
    with pytest.raises(BadInput, match="is taken"):
        await workspaces.create("fresh")
