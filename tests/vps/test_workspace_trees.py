"""Further trees of a workspace: their branch, their push, and what they borrow from their base."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from tests.vps.conftest import Machine
from tests.vps.git_remote import GitRemote, git
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, cloned, fresh_clone, left_aside, write
from vps.errors import BadInput
from vps.workspaces import Workspaces


async def test_a_further_tree_has_the_last_commit_its_own_branch_and_can_be_pushed(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote, {"a": "b\n"})
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
    await fresh_clone(workspaces, remote, {"a": "b\n"})
    path = str(machine.root / "workspaces" / "api")

    made = await asyncio.gather(*(workspaces.branch_off(path, f"tree-{n:02}") for n in range(20)))

    assert len({name for name, _ in made}) == 20
    assert len(await workspaces.list()) == 22
    assert (await git("count-objects", cwd=machine.root / "workspaces" / made[0][0])).startswith("0 objects")


async def test_three_further_trees_at_once_on_a_host_without_any_repository(
    machine: Machine, workspaces: Workspaces
) -> None:
    await machine.run("scenario:ok")  # gives the scratch workspace to the agents' user

    made = await asyncio.gather(*(workspaces.branch_off(str(machine.workspace), f"tree-{n}") for n in range(3)))

    assert [name for name, _ in made] == [f"workspace--tree-{n}" for n in range(3)]
    for name, branch in made:
        assert (await workspaces.find(name)).branch == branch
        assert (machine.root / "workspaces" / name / "calc.py").exists()
    assert sorted(path.name for path in (machine.root / "git").iterdir()) == ["workspace.git"]
    assert left_aside(machine) == []


async def test_a_base_stays_while_a_further_tree_of_it_is_made(machine: Machine, workspaces: Workspaces) -> None:
    await workspaces.create("api")

    async with workspaces.claimed("api--beside-000002", "made"):
        with pytest.raises(BadInput, match="further trees: api--beside-000002"):
            await workspaces.delete("api", force=True)
    async with workspaces.claimed("api", "deleted"):
        with pytest.raises(BadInput, match="api is being deleted"):
            await workspaces.branch_off(str(machine.root / "workspaces" / "api"), "beside-000003")
    await workspaces.delete("api", force=False)
    assert left_aside(machine) == []


async def test_where_the_base_tree_is_gone_a_clone_of_its_name_spares_what_its_further_trees_borrow(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote)
    name, branch = await workspaces.branch_off(str(machine.root / "workspaces" / "api"), "beside-000001")
    subprocess.run(["rm", "-rf", str(machine.root / "workspaces" / "api")], check=True)

    with pytest.raises(BadInput, match=f"further trees of an earlier api: {name}"):
        await cloned(workspaces, remote)
    assert (await workspaces.find(name)).branch == branch
    assert "Start" in await agents_git(machine, name, "log", "--oneline")

    await workspaces.delete(name, force=False)
    await cloned(workspaces, remote)
    assert (await workspaces.find("api")).unsaved == ""
    assert left_aside(machine) == []
