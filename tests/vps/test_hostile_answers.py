"""A tree whose filters speak out of turn harms its own workspace's tools alone: what git in it answers is an agent's word."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.vps.conftest import RUN_S, Machine
from tests.vps.git_remote import GitRemote
from tests.vps.workspace_rig import agents_git, fresh_clone, write
from vps import git_containers
from vps import workspaces as module
from vps.errors import BadInput, VpsError
from vps.shell import Cmd, cmd
from vps.workspace import Packed, Workspace
from vps.workspaces import Workspaces

_STOP = 'for p in /proc/[0-9]*; do [ "$(cat $p/comm)" = timeout ] && kill -STOP ${p#/proc/}; done; sleep 600'


@pytest.fixture
async def workspaces(workspaces: Workspaces, remote: GitRemote) -> Workspaces:
    """With `api`, which a test makes hostile, and `good`."""
    await fresh_clone(workspaces, remote)
    await workspaces.create("good")
    return workspaces


async def plant(machine: Machine, script: str) -> None:
    """Have `git status` in the tree run a script."""
    path = await write(machine, "api", ".git/planted", f"#!/bin/sh\n{script}\ncat\n", 0o755)
    await agents_git(machine, "api", "config", "filter.evil.clean", str(path))
    await write(machine, "api", ".gitattributes", "*.py filter=evil\n")
    await write(machine, "api", "main.py", "print(2)\n")


async def listed(workspaces: Workspaces) -> Workspace:
    """The hostile one, where the others are shown as ever."""
    found = {each.name: each for each in await workspaces.list()}
    assert (found["good"].kind, found["good"].branch) == ("git", "main")
    return found["api"]


async def no_container_is_left(machine: Machine) -> None:
    async with asyncio.timeout(RUN_S):
        while str(machine.root) in await machine.docker(
            "ps", "--filter", "label=agentflow.git=tree", "--no-trunc", "--format", "{{.Mounts}}"
        ):
            await asyncio.sleep(0.05)


async def test_garbage_makes_its_own_workspace_unreadable(machine: Machine, workspaces: Workspaces) -> None:
    await plant(machine, "printf garbage > /proc/1/fd/1")

    found = await listed(workspaces)

    assert (found.kind, found.unsaved) == ("unreadable", "a repository git cannot read")
    with pytest.raises(VpsError, match="could not be read"):
        await workspaces.diff("api")
    with pytest.raises(BadInput, match="a repository git cannot read"):
        await workspaces.delete("api", force=False)
    await workspaces.delete("api", force=True)
    assert "api" not in await workspaces.names()


@pytest.mark.parametrize(
    "answer", ['{"done": 1}', '{"done": {"kind": "odd"}}', '{"refused": {}}', "[1]", "[" * 100_000]
)
async def test_an_answer_of_another_shape_is_told_as_one(
    machine: Machine, workspaces: Workspaces, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    script = "import sys; print(sys.argv[1])"

    def tree(*_: object, **__: object) -> Cmd:
        return cmd("python3", "-c", script, answer)

    monkeypatch.setattr(git_containers.git, "tree", tree)

    assert {each.kind for each in await workspaces.list()} == {"unreadable"}


async def test_a_flood_is_cut_off_before_it_fills_the_hosts_memory(machine: Machine, workspaces: Workspaces) -> None:
    await plant(machine, "head -c 400M /dev/zero > /proc/1/fd/1")

    found = await listed(workspaces)

    assert found.kind == "unreadable"
    assert "more than 16 MiB" in found.why
    assert peak_of_the_relay(machine) < 200 << 20
    await no_container_is_left(machine)


def peak_of_the_relay(machine: Machine) -> int:
    """Bytes its process held at most (proc_pid_status(5))."""
    wanted = [f"{machine.library}/vps/remote.py", "relay", str(machine.root)]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().decode().split("\0")[-4:-1] == wanted:
                found = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
                assert found
                return int(found[1]) << 10
        except OSError:
            continue
    raise AssertionError("the relay was not found")


@pytest.mark.parametrize("script", ["sleep 600", _STOP], ids=["sleeps", "stops its bound"])
async def test_what_holds_git_up_holds_up_no_list(
    machine: Machine, workspaces: Workspaces, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    # A busy machine takes some seconds for a container: that must not look like a tree that holds git up.
    monkeypatch.setattr(module, "_GLANCE_S", 8.0)
    monkeypatch.setattr(git_containers, "_STARTING_S", 8.0)
    await plant(machine, script)

    async with asyncio.timeout(60):
        found = await listed(workspaces)

    assert found.kind == "unreadable"
    await no_container_is_left(machine)


@pytest.mark.parametrize("sha", ["", "main", "+" + "a" * 40, "a" * 39, "a" * 40 + "\n", "refs/heads/main"])
def test_a_commit_is_named_by_its_id_alone(sha: str) -> None:
    with pytest.raises(ValidationError):
        Packed.model_validate({"branch": "main", "sha": sha, "commits": []})
    assert Packed.model_validate({"branch": "main", "sha": "a" * 40, "commits": []}).sha == "a" * 40
