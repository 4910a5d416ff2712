"""A workspace's making, use and removal against each other: under its name there is a whole one or none, and one thing is done
to it at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.vps.conftest import Machine
from tests.vps.git_remote import Gate, GitRemote, git, git_remote
from tests.vps.workspace_rig import AUTHOR, Told, agents_git, cloned, workspaces_of, write
from vps.config import HostConfig
from vps.errors import BadInput, HostUnreachable, WorkspaceBusy
from vps.shell import cmd
from vps.testing.sshd import Sshd
from vps.workspaces import Workspaces


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[GitRemote]:
    async with git_remote(tmp_path / "remotes") as served:
        await served.repository("api", {"main.py": "print(1)\n", "web/index.html": "<p>\n"})
        yield served


@pytest.fixture
def workspaces(machine: Machine, remote: GitRemote) -> Workspaces:
    return workspaces_of(machine, remote)


def left_aside(machine: Machine) -> list[str]:
    return sorted(path.name for part in ("", "workspaces", "git") for path in (machine.root / part).glob(".*-*"))


async def test_a_workspace_that_is_being_cloned_is_nobody_elses_until_it_is_whole(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    remote.gate = Gate()
    cloning = asyncio.create_task(cloned(workspaces, remote))
    await remote.gate.reached.wait()

    assert not (machine.root / "workspaces" / "api").exists()
    with pytest.raises(BadInput, match="api is being made"):
        await workspaces.delete("api", force=True)
    with pytest.raises(BadInput, match="api is being made"):
        await cloned(workspaces, remote)
    with pytest.raises(BadInput, match="api is being made"):
        await machine.start("scenario:ok", workspace=str(machine.root / "workspaces" / "api"))

    remote.gate.open()
    await cloning
    assert (machine.root / "workspaces" / "api" / "main.py").read_text() == "print(1)\n"
    assert (await workspaces.find("api")).unsaved == ""
    assert left_aside(machine) == []


async def test_a_clone_that_is_cancelled_leaves_nothing_and_its_name_is_free(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    remote.gate = Gate()
    cloning = asyncio.create_task(cloned(workspaces, remote))
    await remote.gate.reached.wait()
    cloning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cloning
    remote.gate.open()

    await cloned(workspaces, remote)
    assert sorted(path.name for path in (machine.root / "git").iterdir()) == ["api.git"]
    assert (await workspaces.find("api")).branch == "main"


async def test_a_second_clone_of_a_name_takes_nothing_of_the_first_away(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    done = await asyncio.gather(*(cloned(workspaces, remote) for _ in range(3)), return_exceptions=True)

    assert sorted(type(each).__name__ for each in done) == ["BadInput", "BadInput", "Told"]
    assert (await workspaces.find("api")).unsaved == ""
    assert await git("fsck", cwd=machine.root / "workspaces" / "api") == ""


async def test_where_the_base_tree_is_gone_a_clone_of_its_name_spares_what_its_further_trees_borrow(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await cloned(workspaces, remote)
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
    await cloned(workspaces, remote)
    await write(machine, "api", "main.py", "print(2)\n")
    remote.gate = Gate()
    pushing = asyncio.create_task(workspaces.push("api", "Two", AUTHOR, Told()))
    await remote.gate.reached.wait()

    with pytest.raises(BadInput, match="api is being pushed"):
        await workspaces.delete("api", force=True)
    with pytest.raises(BadInput, match="api is being pushed"):
        await workspaces.branch("api", "other")
    remote.gate.open()
    assert (await pushing).sha == await remote.head("api")
    await workspaces.delete("api", force=False)


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


async def test_a_subdirectory_counts_as_its_workspace(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("web", {"other.txt": "x\n"})
    await cloned(workspaces, remote)
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


async def once_free(work: Callable[[], Awaitable[object]]) -> None:
    """Do it as soon as the host has noticed that whoever had the name is gone."""
    async with asyncio.timeout(30):
        while True:
            try:
                await work()
            except BadInput as error:
                if "at the moment" not in str(error):
                    raise
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_claim_ends_with_its_connection(machine: Machine, workspaces: Workspaces, server: Sshd) -> None:
    await workspaces.create("api")

    async with workspaces.claimed("api", "deleted") as claim:
        under_way = asyncio.create_task(machine.relay.run(cmd("sleep", "600")))
        await machine.relay.ask("facts")
        await server.kill_sessions()
        with pytest.raises(HostUnreachable):
            await under_way
        with pytest.raises(BadInput, match="the connection broke"):
            await machine.relay.ask("retire", {"id": claim["id"]})
        await once_free(lambda: workspaces.branch("api", "still-there"))
    assert (await workspaces.find("api")).branch == "still-there"


@pytest.fixture
def environ(machine: Machine, host_config: HostConfig, image: str) -> dict[str, str]:
    """Of a control plane of its own that can be killed."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(machine.root),
        "HETZNER_SERVER_IP": host_config.address,
        "HETZNER_SSH_PORT": str(host_config.port),
        "HETZNER_SSH_USER": host_config.user,
        "HETZNER_SSH_KEY": str(host_config.key),
        "HETZNER_KNOWN_HOSTS": str(host_config.known_hosts),
        "AGENTFLOW_ROOT": str(machine.root),
        "AGENTFLOW_IMAGE": image,
    }


@asynccontextmanager
async def agentflow(environ: dict[str, str], *words: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The command line, as far as the block lets it come."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words, env=environ,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_a_name_whose_maker_was_killed_can_be_cloned_anew_and_nothing_of_it_stays(
    machine: Machine, workspaces: Workspaces, remote: GitRemote, environ: dict[str, str]
) -> None:
    remote.token, remote.gate = None, Gate()
    async with agentflow(environ, "workspace", "clone", f"{remote.url}/owner/api.git"):
        async with asyncio.timeout(60):
            await remote.gate.reached.wait()
    remote.gate.open()
    assert await workspaces.names() == ["workspace"]
    assert left_aside(machine)

    await once_free(lambda: cloned(workspaces, remote))

    assert (await workspaces.find("api")).unsaved == ""
    assert left_aside(machine) == []


@pytest.mark.parametrize("retired", [False, True], ids=["before", "after"])
async def test_a_deletion_that_was_killed_leaves_the_workspace_or_nothing(
    machine: Machine, workspaces: Workspaces, retired: bool
) -> None:
    await workspaces.create("api")
    await write(machine, "api", "work", "x")
    owner = "0123456789abcdef"
    with relay_process(machine) as relay:
        asked(relay, "claim", {"id": owner, "name": "api", "deed": "deleted"})
        if retired:
            asked(relay, "retire", {"id": owner})

    if retired:
        assert await workspaces.names() == ["workspace"]
        assert left_aside(machine) == [f".gone-{owner}", f".gone-{owner}.git"]
        await workspaces.create("api")
        assert (await workspaces.find("api")).changed == 0
    else:
        assert (await workspaces.find("api")).changed == 1
        await workspaces.delete("api", force=True)
        assert not list((machine.root / "git").iterdir())
    assert left_aside(machine) == []


async def test_a_making_that_was_killed_between_its_two_halves_is_made_anew(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    owner = "0123456789abcdef"
    with relay_process(machine) as relay:
        asked(relay, "claim", {"id": owner, "name": "api", "deed": "made"})
        asked(relay, "publish", {"id": owner, "part": "vault"})
    assert (machine.root / "git" / "api.git").is_dir()

    await cloned(workspaces, remote)

    assert (await workspaces.find("api")).unsaved == ""
    assert await git("rev-parse", "--is-bare-repository", cwd=machine.root / "git" / "api.git") == "true"
    assert left_aside(machine) == []


@contextmanager
def relay_process(machine: Machine) -> Generator[subprocess.Popen[bytes]]:
    """The relay of another control plane; it is killed at the end of the block."""
    argv = [sys.executable, f"{machine.library}/vps/remote.py", "relay", str(machine.root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def asked(relay: subprocess.Popen[bytes], verb: str, request: dict[str, str]) -> None:
    assert relay.stdin is not None
    assert relay.stdout is not None
    relay.stdin.write(json.dumps({"op": "ask", "id": 1, "verb": verb, "request": request}).encode() + b"\n")
    relay.stdin.flush()
    for line in relay.stdout:
        head = json.loads(line)
        if head["t"] == "answer":
            answer = json.loads(relay.stdout.read(head["size"]))
            assert not {"refused", "failed"} & set(answer), answer
            return
