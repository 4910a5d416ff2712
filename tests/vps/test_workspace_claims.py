"""One thing is done to a workspace at a time: its making, its agents, its push and its removal against each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from tests.vps.conftest import RUN_S, Machine
from tests.vps.git_remote import Gate, GitRemote, git
from tests.vps.workspace_rig import AUTHOR, Told, cloned, fresh_clone, left_aside, write
from vps.errors import BadInput, WorkspaceBusy
from vps.workspaces import Workspaces

FILES = {"main.py": "print(1)\n", "web/index.html": "<p>\n"}
T = TypeVar("T")


@asynccontextmanager
async def held_up(remote: GitRemote, work: Coroutine[Any, Any, T]) -> AsyncGenerator[asyncio.Task[T]]:
    """Work that has come as far as the remote, which answers it only after the block."""
    remote.gate = Gate()
    under_way = asyncio.create_task(work)
    async with asyncio.timeout(RUN_S):
        await remote.gate.reached.wait()
    try:
        yield under_way
    finally:
        remote.gate.open()


async def test_a_workspace_that_is_being_cloned_is_nobody_elses_until_it_is_whole(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", FILES)
    async with held_up(remote, cloned(workspaces, remote)) as cloning:
        assert not (machine.root / "workspaces" / "api").exists()
        with pytest.raises(BadInput, match="api is being made"):
            await workspaces.delete("api", force=True)
        with pytest.raises(BadInput, match="api is being made"):
            await cloned(workspaces, remote)
        with pytest.raises(BadInput, match="api is being made"):
            await machine.start("scenario:ok", workspace=str(machine.root / "workspaces" / "api"))

    await cloning
    assert (machine.root / "workspaces" / "api" / "main.py").read_text() == "print(1)\n"
    assert (await workspaces.find("api")).unsaved == ""
    assert left_aside(machine) == []


async def test_a_clone_that_is_cancelled_leaves_nothing_and_its_name_is_free(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", FILES)
    async with held_up(remote, cloned(workspaces, remote)) as cloning:
        cloning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cloning

    await cloned(workspaces, remote)
    assert sorted(path.name for path in (machine.root / "git").iterdir()) == ["api.git"]
    assert (await workspaces.find("api")).branch == "main"


async def test_a_second_clone_of_a_name_takes_nothing_of_the_first_away(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", FILES)
    done = await asyncio.gather(*(cloned(workspaces, remote) for _ in range(3)), return_exceptions=True)

    assert sorted(type(each).__name__ for each in done) == ["BadInput", "BadInput", "Told"]
    assert (await workspaces.find("api")).unsaved == ""
    assert await git("fsck", cwd=machine.root / "workspaces" / "api") == ""


async def test_an_agent_does_not_start_in_a_workspace_on_its_way_out(machine: Machine, workspaces: Workspaces) -> None:
    await workspaces.create("api")
    path = str(machine.root / "workspaces" / "api")

    async with workspaces.claimed("api", "deleted"):
        with pytest.raises(BadInput, match="api is being deleted"):
            await machine.start("scenario:ok", workspace=path)
    started = await machine.start("scenario:timeout", workspace=path)
    with pytest.raises(BadInput, match=f"agents work in api: {started}"):
        await workspaces.delete("api", force=True)
    await machine.runs.stop(started)


async def test_of_a_start_and_a_removal_at_once_one_comes_to_pass(machine: Machine, workspaces: Workspaces) -> None:
    path = machine.root / "workspaces" / "api"
    for _attempt in range(3):
        await workspaces.create("api")
        start = machine.start("scenario:timeout", workspace=str(path))
        started, deleted = await asyncio.gather(start, workspaces.delete("api", force=False), return_exceptions=True)
        if isinstance(started, str):
            assert isinstance(deleted, BadInput)
            assert path.is_dir()
            await machine.runs.stop(started)
            await machine.ended(started)
            await workspaces.delete("api", force=True)
        else:
            assert isinstance(started, BadInput)
            assert deleted is None
        assert not path.exists()


async def test_a_workspace_is_not_deleted_in_the_middle_of_a_push(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote)
    await write(machine, "api", "main.py", "print(2)\n")

    async with held_up(remote, workspaces.push("api", "Two", AUTHOR, Told())) as pushing:
        with pytest.raises(BadInput, match="api is being pushed"):
            await workspaces.delete("api", force=True)
        with pytest.raises(BadInput, match="api is being pushed"):
            await workspaces.branch("api", "other")
    assert (await pushing).sha == await remote.head("api")
    await workspaces.delete("api", force=False)


async def test_a_subdirectory_counts_as_its_workspace(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await fresh_clone(workspaces, remote, FILES)
    await remote.repository("web", {"other.txt": "x\n"})
    await cloned(workspaces, remote, "web")
    path = machine.root / "workspaces" / "api"

    started = await machine.runs.start(machine.request("scenario:timeout", workspace=str(path / "web")))

    assert started.record is not None
    assert (started.record.workspace, started.record.workspace_name) == (str(path / "web"), "api")
    described = await machine.runs.describe(started.name)
    assert described.record is not None
    assert described.record.workspace_name == "api"
    mounts = await machine.docker("inspect", "--format", "{{range .Mounts}}{{println .Source}}{{end}}", started.name)
    assert f"{machine.root}/git/api.git" in mounts.split()
    assert f"{machine.root}/git/web.git" not in mounts.split()
    for where, inside in ((path, ""), (path / "web", "web")):
        with pytest.raises(WorkspaceBusy) as busy:
            await machine.start("scenario:ok", workspace=str(where))
        assert (busy.value.agents, busy.value.inside) == ((started.name,), inside)
        name, _ = await workspaces.branch_off(busy.value.path, f"from-{inside or 'root'}")
        assert (machine.root / "workspaces" / name / "web" / "index.html").exists()
        assert name.startswith("api--")
    assert {each.name: each.agents for each in await workspaces.list()}["api"] == (started.name,)
    with pytest.raises(BadInput, match="agents work in api"):
        await workspaces.delete("api", force=False)
    await machine.run("scenario:ok", workspace=str(machine.root / "workspaces" / "web"))
    await machine.runs.stop(started.name)


@pytest.mark.parametrize("name", [".hidden", "workspace"])
async def test_a_directory_whose_name_means_something_else_is_no_workspace(machine: Machine, name: str) -> None:
    (machine.root / "workspaces" / name).mkdir(parents=True)

    with pytest.raises(BadInput, match="no workspace can have"):
        await machine.start("scenario:ok", workspace=str(machine.root / "workspaces" / name))
