"""Workspaces against a real remote: clone, branch, compare, sync, push, delete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.vps.conftest import Machine
from tests.vps.git_remote import TOKEN, GitRemote, git, git_remote
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, cloned, refuse, workspaces_of, write
from vps.errors import BadInput
from vps.git_containers import GitCredential
from vps.git_errors import GitFailed
from vps.remotes import parse_remote
from vps.workspaces import Workspaces


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[GitRemote]:
    async with git_remote(tmp_path / "remotes") as served:
        yield served


@pytest.fixture
def workspaces(machine: Machine, remote: GitRemote) -> Workspaces:
    return workspaces_of(machine, remote)


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


async def test_what_was_changed_is_committed_in_the_persons_name_and_pushed(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"main.py": "print(1)\n"})
    await cloned(workspaces, remote)
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


async def test_what_the_remote_has_beyond_is_told_before_anything_is_committed_and_sync_helps(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"main.py": "print(1)\n"})
    await cloned(workspaces, remote)
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
    await remote.repository("api", {"main.py": "print(1)\n"})
    await cloned(workspaces, remote)
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


async def test_what_the_remote_refuses_after_all_is_committed_and_said_to_be(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await remote.repository("api", {"main.py": "print(1)\n"})
    await cloned(workspaces, remote)
    refuse(bare, "no work on Fridays")
    await write(machine, "api", "main.py", "print(2)\n")

    with pytest.raises(GitFailed, match="is committed in the workspace now") as refused:
        await workspaces.push("api", "Mine", AUTHOR, Told())
    assert refused.value.kind == "declined"
    found = await workspaces.find("api")
    assert (found.changed, found.ahead) == (0, 1)


async def test_a_workspace_without_a_remote_is_told_before_anything_is_committed(
    machine: Machine, workspaces: Workspaces
) -> None:
    await workspaces.create("fresh")
    await write(machine, "fresh", "a", "b\n")
    with pytest.raises(BadInput, match=r"no remote repository\. Give it one: `workspace create`"):
        await workspaces.push("fresh", "x", AUTHOR, Told())
    assert (await workspaces.find("fresh")).changed == 1


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


async def test_a_branch_that_became_a_directory_of_branches_is_synced_and_pushed(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await remote.repository("api", {"main.py": "print(1)\n"}, branches=("feature", "deep/er"))
    await cloned(workspaces, remote)
    for gone, new in (("feature", "feature/x"), ("deep/er", "deep")):
        await git("update-ref", "-d", f"refs/heads/{gone}", cwd=bare)
        await git("branch", new, "main", cwd=bare)

    await workspaces.sync("api", Told())
    shown = await agents_git(machine, "api", "branch", "-r", "--format=%(refname:short)")
    assert shown.split() == ["origin/deep", "origin/feature/x", "origin/main"]
    await write(machine, "api", "main.py", "print(2)\n")
    pushed = await workspaces.push("api", "Two", AUTHOR, Told())
    assert (pushed.sha, pushed.note) == (await remote.head("api"), "")


async def test_a_branch_can_be_pushed_below_the_name_of_one_that_was_pushed_before_and_is_gone(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await remote.repository("api", {"main.py": "print(1)\n"})
    await cloned(workspaces, remote)
    for number, branch in enumerate(("fix", "fix/two", "fix")):
        await agents_git(machine, "api", "switch", "--quiet", "-c", branch)
        await write(machine, "api", "main.py", f"print({number})\n")
        pushed = await workspaces.push("api", "Work", AUTHOR, Told())
        assert (pushed.sha, pushed.note) == (await remote.head("api", branch), "")
        await agents_git(machine, "api", "switch", "--quiet", "main")
        await agents_git(machine, "api", "branch", "--quiet", "-D", branch)
        await git("update-ref", "-d", f"refs/heads/{branch}", cwd=bare)


async def test_what_goes_wrong_after_the_remote_took_the_commits_is_a_note(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"main.py": "print(1)\n"})
    await cloned(workspaces, remote)
    await write(machine, "api", "main.py", "print(2)\n")
    await write(machine, "api", ".git/refs/remotes/origin/main.lock", "")

    pushed = await workspaces.push("api", "Two", AUTHOR, Told())

    assert pushed.sha == await remote.head("api")
    assert "main.lock" in pushed.note
    with pytest.raises(GitFailed, match=r"main\.lock") as locked:
        await workspaces.sync("api", Told())
    assert locked.value.kind == "locked"


async def test_tags_of_the_trees_own_survive_a_sync(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    bare = await remote.repository("api", {"a": "b"})
    await cloned(workspaces, remote)
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


async def test_a_branch_is_created_pushed_and_compared(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"main.py": "print(1)\n"})
    await cloned(workspaces, remote)

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


@pytest.mark.parametrize(
    ("token", "kind"), [(None, "unauthorized"), ("ghp_anExpiredTokenOfSomebody0000", "unauthorized")]
)
async def test_a_missing_or_expired_token_is_told_and_nothing_stays(
    machine: Machine, remote: GitRemote, token: str | None, kind: str
) -> None:
    await remote.repository("api", {"a": "b"})
    credential = GitCredential(token=SecretStr(token) if token else None, token_host=remote.host)
    workspaces = Workspaces(machine.relay, machine.config(), credential)

    with pytest.raises(GitFailed) as failed:
        await cloned(workspaces, remote)
    assert failed.value.kind == kind
    assert not list((machine.root / "workspaces").iterdir())
    assert not list((machine.root / "git").iterdir())


async def test_the_token_is_offered_to_its_own_host_only(machine: Machine, remote: GitRemote) -> None:
    await remote.repository("api", {"a": "b"})
    credential = GitCredential(token=SecretStr(TOKEN), token_host="github.com")
    workspaces = Workspaces(machine.relay, machine.config(), credential)

    with pytest.raises(GitFailed):
        await cloned(workspaces, remote)
    assert remote.passwords == []


async def test_a_token_without_the_right_to_write_is_told(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"a": "b"})
    await cloned(workspaces, remote)
    remote.read_only = True
    await write(machine, "api", "a", "c")

    with pytest.raises(GitFailed, match="GITHUB_TOKEN") as failed:
        await workspaces.push("api", "C", AUTHOR, Told())
    assert failed.value.kind == "forbidden"


async def test_a_repository_that_is_gone_is_told(workspaces: Workspaces, remote: GitRemote) -> None:
    with pytest.raises(GitFailed) as failed:
        await cloned(workspaces, remote, "missing")
    assert failed.value.kind == "gone"


async def test_a_branch_that_is_not_there_is_told_with_those_that_are(
    workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"a": "b"}, branches=("dev",))
    with pytest.raises(BadInput, match="It has: "):
        await cloned(workspaces, remote, branch="nonesuch")
    assert "api" not in await workspaces.names()


async def test_an_empty_repository_can_be_filled(machine: Machine, workspaces: Workspaces, remote: GitRemote) -> None:
    await remote.repository("api")
    await cloned(workspaces, remote)
    await write(machine, "api", "first.txt", "hello\n")

    pushed = await workspaces.push("api", "First", AUTHOR, Told())
    assert pushed.sha == await remote.head("api")


async def test_a_created_workspace_has_a_commit_and_no_remote(workspaces: Workspaces) -> None:
    await workspaces.create("fresh")

    found = await workspaces.find("fresh")
    assert (found.branch, found.unsaved) == ("main", "")
    with pytest.raises(BadInput, match="no remote"):
        await workspaces.push("fresh", "x", AUTHOR, Told())
    with pytest.raises(BadInput, match="is taken"):
        await workspaces.create("fresh")


async def test_work_that_is_not_pushed_is_not_deleted_unless_forced(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"a": "b"})
    await cloned(workspaces, remote)
    await write(machine, "api", "a", "c")

    with pytest.raises(BadInput, match="1 uncommitted changes"):
        await workspaces.delete("api", force=False)
    await workspaces.delete("api", force=True)
    assert await workspaces.names() == ["workspace"]
    assert not list((machine.root / "git").iterdir())


async def test_a_further_tree_has_the_last_commit_its_own_branch_and_can_be_pushed(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"a": "b\n"})
    await cloned(workspaces, remote)
    tree = machine.root / "workspaces" / "api"
    await write(machine, "api", "local", "kept\n")
    await agents_git(machine, "api", "add", ".")
    await agents_git(machine, "api", "commit", "-m", "Local")

    name, branch = await workspaces.branch_off(str(tree), "fix-it-abc123")

    assert (name, branch) == ("api--fix-it-abc123", "agent/fix-it-abc123")
    other = machine.root / "workspaces" / name
    assert (other / "local").read_text() == "kept\n"
    await write(machine, name, "more", "x\n")
    pushed = await workspaces.push(name, "More", AUTHOR, Told())
    assert pushed.sha == await remote.head("api", branch)
    assert (await workspaces.find("api")).branch == "main"
    with pytest.raises(BadInput, match="further trees"):
        await workspaces.delete("api", force=True)
    await workspaces.delete(name, force=False)
    await workspaces.delete("api", force=True)


async def test_the_scratch_workspace_has_further_trees_too_where_no_other_workspace_was_ever_made(
    machine: Machine, workspaces: Workspaces
) -> None:
    await machine.run("scenario:ok")  # gives the tree to the agents' user
    assert not (machine.root / "git").exists()

    name, branch = await workspaces.branch_off(str(machine.workspace), "second-000000")

    assert (name, branch) == ("workspace--second-000000", "agent/second-000000")
    assert (await workspaces.find(name)).branch == branch


async def test_twenty_further_trees_at_once(machine: Machine, workspaces: Workspaces, remote: GitRemote) -> None:
    await remote.repository("api", {"a": "b\n"})
    await cloned(workspaces, remote)
    path = str(machine.root / "workspaces" / "api")

    made = await asyncio.gather(*(workspaces.branch_off(path, f"tree-{n:02}") for n in range(20)))

    assert len({name for name, _ in made}) == 20
    assert len(await workspaces.list()) == 22
    assert (await git("count-objects", cwd=machine.root / "workspaces" / made[0][0])).startswith("0 objects")
