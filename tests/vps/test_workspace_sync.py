"""A workspace beside a remote that went on: what is fetched, what is moved, and what is left as it was."""

from __future__ import annotations

import pytest

from tests.vps.conftest import Machine
from tests.vps.git_remote import GitRemote, git
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, fresh_clone, write
from vps.errors import BadInput
from vps.workspaces import Workspaces


async def test_what_the_remote_has_beyond_is_told_before_anything_is_committed_and_sync_helps(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote)
    await remote.commit("api", {"other.py": "y\n"}, "Theirs")
    await write(machine, "api", "main.py", "print(2)\n")

    with pytest.raises(BadInput, match=r"lacks 1 commits that origin/main has.*sync_workspace"):
        await workspaces.push("api", "Mine", AUTHOR, Told())
    assert (await workspaces.find("api")).changed == 1
    assert (await workspaces.sync("api", Told()))[1] == ""
    pushed = await workspaces.push("api", "Mine", AUTHOR, Told())
    assert await remote.head("api") == pushed.sha


async def test_a_workspace_that_diverged_is_not_moved_and_sees_what_to_merge(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote)
    await write(machine, "api", "main.py", "print(2)\n")
    await agents_git(machine, "api", "commit", "-am", "Mine")
    theirs = await remote.commit("api", {"other.py": "z\n"}, "Theirs")

    with pytest.raises(BadInput, match=r"lacks 1 commits.*let an agent merge"):
        await workspaces.push("api", "Mine", AUTHOR, Told())
    with pytest.raises(BadInput, match="commits the remote lacks"):
        await workspaces.sync("api", Told())
    assert await agents_git(machine, "api", "rev-parse", "origin/main") == theirs
    await agents_git(machine, "api", "merge", "--quiet", "-m", "Merge", "origin/main")
    pushed = await workspaces.push("api", "Mine", AUTHOR, Told())
    assert await remote.head("api") == pushed.sha


async def test_a_branch_that_became_a_directory_of_branches_is_synced_and_pushed(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await fresh_clone(workspaces, remote, branches=("feature", "deep/er"))
    for gone, new in (("feature", "feature/x"), ("deep/er", "deep")):
        await git("update-ref", "-d", f"refs/heads/{gone}", cwd=bare)
        await git("branch", new, "main", cwd=bare)

    await workspaces.sync("api", Told())
    shown = await agents_git(machine, "api", "branch", "-r", "--format=%(refname:short)")
    assert shown.split() == ["origin/deep", "origin/feature/x", "origin/main"]
    await write(machine, "api", "main.py", "print(2)\n")
    pushed = await workspaces.push("api", "Two", AUTHOR, Told())
    assert (pushed.sha, pushed.note) == (await remote.head("api"), "")


async def test_tags_of_the_trees_own_survive_a_sync(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await fresh_clone(workspaces, remote, {"a": "b"})
    for tag in ("v1", "v2", "x/y"):
        await agents_git(machine, "api", "commit", "--allow-empty", "-m", tag)
        await agents_git(machine, "api", "tag", tag)
    own = await agents_git(machine, "api", "rev-parse", "v1", "v2", "x/y")
    await agents_git(machine, "api", "reset", "--hard", "--quiet", "origin/main")
    for tag in ("v1", "v2/beta", "x", "v3"):
        await git("tag", tag, "main", cwd=bare)

    await workspaces.sync("api", Told())
    assert await agents_git(machine, "api", "rev-parse", "v1", "v2", "x/y") == own
    assert await agents_git(machine, "api", "tag") == "v1\nv2\nv3\nx/y"
