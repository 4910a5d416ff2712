"""Deleting a workspace: what is refused, what is forced, and what may not hold it up."""

from __future__ import annotations

import pytest

from tests.vps.conftest import Machine
from tests.vps.git_remote import GitRemote
from tests.vps.workspace_rig import fresh_clone, write
from vps.errors import BadInput
from vps.workspaces import Workspaces


async def test_work_that_is_not_pushed_is_not_deleted_unless_forced(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote, {"a": "b"})
    await write(machine, "api", "a", "c")

    with pytest.raises(BadInput, match="1 uncommitted changes"):
        await workspaces.delete("api", force=False)
    await workspaces.delete("api", force=True)
    assert await workspaces.names() == ["workspace"]
    assert not list((machine.root / "git").iterdir())


async def test_a_deletion_that_is_refused_changes_nothing(machine: Machine, workspaces: Workspaces) -> None:
    await workspaces.create("api")
    await write(machine, "api", "work", "x")

    with pytest.raises(BadInput, match="1 uncommitted changes"):
        await workspaces.delete("api", force=False)
    with pytest.raises(BadInput, match="there is no workspace nothing"):
        await workspaces.delete("nothing", force=True)

    assert (machine.root / "workspaces" / "api" / "work").read_text() == "x"
    assert (await workspaces.find("api")).changed == 1
    assert list((machine.root / "claims").iterdir()) == []


async def test_a_workspace_made_by_hand_is_deleted_where_there_is_no_repository(
    machine: Machine, workspaces: Workspaces
) -> None:
    (machine.root / "workspaces" / "mine").mkdir(parents=True)

    await workspaces.delete("mine", force=False)

    assert await workspaces.names() == ["workspace"]
    assert not list((machine.root / "workspaces").iterdir())


async def test_sticky_and_closed_directories_do_not_hold_a_deletion_up(
    machine: Machine, workspaces: Workspaces
) -> None:
    await workspaces.create("api")
    await write(machine, "api", "tmp/file", "x")
    await write(machine, "api", "closed/file", "x")
    tree = machine.root / "workspaces" / "api"
    (tree / "tmp").chmod(0o1777)
    (tree / "closed").chmod(0)

    await workspaces.delete("api", force=True)

    assert not list((machine.root / "workspaces").iterdir())
    assert not list((machine.root / "git").iterdir())
