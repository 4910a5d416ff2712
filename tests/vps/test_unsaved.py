"""Work that exists nowhere else is seen wherever git keeps it, and deleted only by force."""

from __future__ import annotations

import pytest

from tests.vps.conftest import Machine
from tests.vps.git_remote import GitRemote
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, fresh_clone, write
from vps.errors import BadInput
from vps.workspaces import Workspaces


@pytest.fixture
async def workspaces(workspaces: Workspaces, remote: GitRemote) -> Workspaces:
    """With `api`."""
    await fresh_clone(workspaces, remote, {"a": "b\n", ".gitignore": "*.env\nnode_modules/\n"})
    return workspaces


async def committed(machine: Machine, text: str, where: str = "api") -> None:
    await write(machine, where, "a", text)
    await agents_git(machine, where, "add", ".")
    await agents_git(machine, where, "commit", "-m", text)


async def back(machine: Machine) -> None:
    await agents_git(machine, "api", "switch", "--quiet", "main")
    await agents_git(machine, "api", "reset", "--hard", "--quiet", "origin/main")


async def test_commits_that_only_a_tag_a_worktree_or_a_left_head_leads_to_are_unpushed(
    machine: Machine, workspaces: Workspaces
) -> None:
    await committed(machine, "tagged")
    await agents_git(machine, "api", "tag", "-a", "-m", "kept", "kept")
    await back(machine)
    assert (await workspaces.find("api")).unpushed_on == ("tag kept",)

    await agents_git(machine, "api", "switch", "--quiet", "--detach")
    await committed(machine, "left")
    assert (await workspaces.find("api")).unpushed_on == ("tag kept", "a detached HEAD")
    await back(machine)
    assert (await workspaces.find("api")).unsaved == "2 unpushed commits (on tag kept, a detached HEAD that was left)"
    await agents_git(machine, "api", "worktree", "add", "--quiet", "--detach", ".git/beside")
    await committed(machine, "beside", "api/.git/beside")
    found = await workspaces.find("api")
    assert found.unpushed_on == ("tag kept", "a linked worktree", "a detached HEAD that was left")
    with pytest.raises(BadInput, match="on tag kept"):
        await workspaces.delete("api", force=False)


async def test_what_was_amended_or_thrown_away_on_a_branch_holds_nobody_up(
    machine: Machine, workspaces: Workspaces
) -> None:
    await committed(machine, "first try")
    await write(machine, "api", "a", "second try\n")
    await agents_git(machine, "api", "commit", "--quiet", "-a", "--amend", "-m", "second")
    await workspaces.push("api", "x", AUTHOR, Told())
    assert (await workspaces.find("api")).unsaved == ""


async def test_a_repository_within_is_not_pushed_as_a_mere_number(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await write(machine, "api", "lib/app/code.py", "x = 1\n")
    await agents_git(machine, "api/lib/app", "init", "--quiet")
    await agents_git(machine, "api/lib/app", "add", ".")
    await agents_git(machine, "api/lib/app", "commit", "--quiet", "-m", "Work")
    before = await remote.head("api")

    with pytest.raises(BadInput, match=r"repositories of their own.*lib/app"):
        await workspaces.push("api", "x", AUTHOR, Told())
    await agents_git(machine, "api", "add", ".")
    await agents_git(machine, "api", "commit", "--quiet", "-m", "A number")
    with pytest.raises(BadInput, match=r"repositories of their own.*lib/app"):
        await workspaces.push("api", "x", AUTHOR, Told())
    assert await remote.head("api") == before

    modules = '[submodule "app"]\n\tpath = lib/app\n\turl = https://example.org/app.git\n'
    await write(machine, "api", ".gitmodules", modules)
    await workspaces.push("api", "A submodule", AUTHOR, Told())
    assert (await workspaces.find("api")).unsaved == "1 unpushed commits of repositories within it"
    with pytest.raises(BadInput, match="repositories within it"):
        await workspaces.delete("api", force=False)

    await agents_git(machine, "api/lib/app", "switch", "--quiet", "--detach")
    await agents_git(machine, "api/lib/app", "commit", "--quiet", "--allow-empty", "-m", "More")
    await agents_git(machine, "api/lib/app", "tag", "kept")
    await agents_git(machine, "api/lib/app", "switch", "--quiet", "-")
    assert (await workspaces.find("api")).unsaved == "2 unpushed commits of repositories within it"


async def test_ignored_files_that_nothing_makes_again_are_named(machine: Machine, workspaces: Workspaces) -> None:
    await write(machine, "api", "node_modules/x/index.js", "1\n")
    assert (await workspaces.find("api")).unsaved == ""
    await workspaces.find("api")
    await write(machine, "api", "local.env", "KEY=1\n")
    with pytest.raises(BadInput, match=r"1 ignored files \(local\.env\)"):
        await workspaces.delete("api", force=False)


async def nothing_is_done(workspaces: Workspaces, why: str) -> None:
    """Whatever would change the workspace is refused, for that reason."""
    for work in (
        workspaces.push("api", "x", AUTHOR, Told()),
        workspaces.branch("api", "more"),
        workspaces.sync("api", Told()),
    ):
        with pytest.raises(BadInput, match=why):
            await work


async def test_detached_conflicted_and_half_merged_workspaces_are_told_and_left_alone(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await agents_git(machine, "api", "switch", "--quiet", "--detach")
    found = await workspaces.find("api")
    assert (found.branch, found.operation, found.unsaved) == ("", "", "")
    with pytest.raises(BadInput, match=r"on no branch \(detached HEAD\).*create_branch"):
        await workspaces.push("api", "x", AUTHOR, Told())
    assert (await workspaces.sync("api", Told()))[1] == "its branch is not on the remote"
    assert (await workspaces.branch("api", "rescue")).branch == "rescue"

    await committed(machine, "mine\n")
    await agents_git(machine, "api", "switch", "--quiet", "main")
    await committed(machine, "theirs\n")
    with pytest.raises(AssertionError):
        await agents_git(machine, "api", "merge", "rescue")
    found = await workspaces.find("api")
    assert (found.conflicts, found.operation) == (1, "a merge")
    await nothing_is_done(workspaces, "1 files in conflict")
    assert "<<<<<<<" in (await workspaces.diff("api")).patch

    await write(machine, "api", "a", "both\n")
    await agents_git(machine, "api", "add", "a")
    await nothing_is_done(workspaces, "in the middle of a merge")
    await agents_git(machine, "api", "commit", "--quiet", "--no-edit")
    pushed = await workspaces.push("api", "x", AUTHOR, Told())
    assert pushed.sha == await remote.head("api")
