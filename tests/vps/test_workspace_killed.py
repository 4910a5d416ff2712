"""Whoever makes or removes a workspace is killed half way: under its name there is a whole one or none, and it is free again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import pytest

from tests.vps.conftest import RUN_S, Machine
from tests.vps.git_remote import Gate, GitRemote, git
from tests.vps.workspace_rig import cloned, left_aside, write
from vps.config import HostConfig
from vps.errors import BadInput, HostUnreachable
from vps.shell import cmd
from vps.testing.sshd import Sshd
from vps.workspaces import Workspaces

OWNER = "0123456789abcdef"
"""Of a claim, as a control plane would draw it."""


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


async def once_free(work: Callable[[], Awaitable[object]]) -> None:
    """Do it as soon as the host has noticed that whoever had the name is gone."""
    async with asyncio.timeout(RUN_S):
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


async def test_a_name_whose_maker_was_killed_can_be_cloned_anew_and_nothing_of_it_stays(
    machine: Machine, workspaces: Workspaces, remote: GitRemote, environ: dict[str, str]
) -> None:
    await remote.repository("api", {"main.py": "print(1)\n"})
    remote.token, remote.gate = None, Gate()
    async with agentflow(environ, "workspace", "clone", f"{remote.url}/owner/api.git"):
        async with asyncio.timeout(RUN_S):
            await remote.gate.reached.wait()
    remote.gate.open()
    assert await workspaces.names() == ["workspace"]
    assert left_aside(machine)

    await once_free(lambda: cloned(workspaces, remote))

    assert (await workspaces.find("api")).unsaved == ""
    assert left_aside(machine) == []


async def test_a_making_that_was_killed_between_its_two_halves_is_made_anew(
    machine: Machine, workspaces: Workspaces, remote: GitRemote
) -> None:
    await remote.repository("api", {"main.py": "print(1)\n"})
    with relay_process(machine) as relay:
        asked(relay, "claim", {"id": OWNER, "name": "api", "deed": "made"})
        asked(relay, "publish", {"id": OWNER, "part": "vault"})
    assert (machine.root / "git" / "api.git").is_dir()

    await cloned(workspaces, remote)

    assert (await workspaces.find("api")).unsaved == ""
    assert await git("rev-parse", "--is-bare-repository", cwd=machine.root / "git" / "api.git") == "true"
    assert left_aside(machine) == []


@pytest.mark.parametrize("retired", [False, True], ids=["before", "after"])
async def test_a_deletion_that_was_killed_leaves_the_workspace_or_nothing(
    machine: Machine, workspaces: Workspaces, retired: bool
) -> None:
    await workspaces.create("api")
    await write(machine, "api", "work", "x")
    with relay_process(machine) as relay:
        asked(relay, "claim", {"id": OWNER, "name": "api", "deed": "deleted"})
        if retired:
            asked(relay, "retire", {"id": OWNER})

    if retired:
        assert await workspaces.names() == ["workspace"]
        assert left_aside(machine) == [f".gone-{OWNER}", f".gone-{OWNER}.git"]
        await workspaces.create("api")
        assert (await workspaces.find("api")).changed == 0
    else:
        assert (await workspaces.find("api")).changed == 1
        await workspaces.delete("api", force=True)
        assert not list((machine.root / "git").iterdir())
    assert left_aside(machine) == []
