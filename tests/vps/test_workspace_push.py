"""Work is compared, committed in its person's name and pushed; what stands in the way is told."""

from __future__ import annotations

import pytest

from tests.vps.conftest import Machine
from tests.vps.git_remote import GitRemote, git
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, cloned, fresh_clone, refuse, write
from vps.errors import BadInput
from vps.git_errors import GitFailed
from vps.workspaces import Workspaces


async def test_what_was_changed_is_committed_in_the_persons_name_and_pushed(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote)
    await write(machine, "api", "main.py", "print(2)\n")
    await write(machine, "api", "new.py", "x = 1\n")

    pushed = await workspaces.push("api", "Say two", AUTHOR, Told())

    assert pushed.sha == await remote.head("api")
    assert pushed.committed == 2
    bare = remote.directory / "owner" / "api.git"
    assert await git("log", "-1", "--format=%an <%ae> %s", "main", cwd=bare) == "Ada Lovelace <ada@example.org> Say two"
    after = await workspaces.find("api")
    assert (after.ahead, after.changed, after.unsaved) == (0, 0, "")
    again = await workspaces.push("api", "Nothing", AUTHOR, Told())
    assert (again.sha, again.committed) == (pushed.sha, 0)


async def test_a_branch_is_created_pushed_and_compared(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote)

    assert (await workspaces.branch("api", "feature/x")).branch == "feature/x"
    await write(machine, "api", "main.py", "print(3)\n")
    diff = await workspaces.diff("api")
    assert diff.base == "origin/main"
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in diff.stat
    assert "+print(3)" in diff.patch
    await workspaces.push("api", "Three", AUTHOR, Told())
    assert await remote.head("api", "feature/x")
    with pytest.raises(BadInput, match="exists already"):
        await workspaces.branch("api", "feature/x")


async def test_an_empty_repository_can_be_filled(machine: Machine, workspaces: Workspaces, remote: GitRemote) -> None:
    await remote.repository("api")
    await cloned(workspaces, remote)
    await write(machine, "api", "first.txt", "hello\n")

    pushed = await workspaces.push("api", "First", AUTHOR, Told())
    assert pushed.sha == await remote.head("api")


async def test_a_branch_can_be_pushed_below_the_name_of_one_that_was_pushed_before_and_is_gone(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await fresh_clone(workspaces, remote)
    for number, branch in enumerate(("fix", "fix/two", "fix")):
        await agents_git(machine, "api", "switch", "--quiet", "-c", branch)
        await write(machine, "api", "main.py", f"print({number})\n")
        pushed = await workspaces.push("api", "Work", AUTHOR, Told())
        assert (pushed.sha, pushed.note) == (await remote.head("api", branch), "")
        await agents_git(machine, "api", "switch", "--quiet", "main")
        await agents_git(machine, "api", "branch", "--quiet", "-D", branch)
        await git("update-ref", "-d", f"refs/heads/{branch}", cwd=bare)


async def test_what_the_remote_refuses_after_all_is_committed_and_said_to_be(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await fresh_clone(workspaces, remote)
    refuse(bare, "no work on Fridays")
    await write(machine, "api", "main.py", "print(2)\n")

    with pytest.raises(GitFailed, match="is committed in the workspace now") as refused:
        await workspaces.push("api", "Mine", AUTHOR, Told())
    assert refused.value.kind == "declined"
    found = await workspaces.find("api")
    assert (found.changed, found.ahead) == (0, 1)


async def test_what_goes_wrong_after_the_remote_took_the_commits_is_a_note(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote)
    await write(machine, "api", "main.py", "print(2)\n")
    await write(machine, "api", ".git/refs/remotes/origin/main.lock", "")

    pushed = await workspaces.push("api", "Two", AUTHOR, Told())

    assert pushed.sha == await remote.head("api")
    assert "main.lock" in pushed.note
    with pytest.raises(GitFailed, match=r"main\.lock") as locked:
        await workspaces.sync("api", Told())
    assert locked.value.kind == "locked"


async def test_a_workspace_without_a_remote_is_told_before_anything_is_committed(
    machine: Machine, workspaces: Workspaces
) -> None:
    await workspaces.create("fresh")
    await write(machine, "fresh", "a", "b\n")
    with pytest.raises(BadInput, match=r"no remote repository\. Give it one: `workspace create`"):
        await workspaces.push("fresh", "x", AUTHOR, Told())
    assert (await workspaces.find("fresh")).changed == 1


async def test_a_name_that_is_no_utf8_is_shown_and_refused_where_it_would_be_pushed(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await remote.repository("api", {"a": "b"})
    data = b"create refs/heads/caf\xe9 " + (await remote.head("api")).encode() + b"\n"
    await git("update-ref", "--stdin", cwd=bare, data=data)
    await cloned(workspaces, remote)
    await workspaces.sync("api", Told())
    tree = machine.root / "workspaces" / "api"
    (tree / ".git" / "HEAD").write_bytes(b"ref: refs/heads/th\xe9\n")

    (found,) = [each for each in await workspaces.list() if each.name == "api"]
    assert found.branch == "th\ufffd"
    assert "th\ufffd" in found.model_dump_json()
    await write(machine, "api", "a", "c")
    with pytest.raises(BadInput, match="git branch -m"):
        await workspaces.push("api", "x", AUTHOR, Told())
