"""What takes a Docker engine of its own: a runtime that the machine's does not have, and a restart."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.host_figures import variable
from tests.login import login
from tests.own_engine import OwnEngine, own_engine
from tests.redteam.lab import FORGE, TOLD, does_as_told
from tests.vps.conftest import KEY, Machine, machine_at
from tests.vps.git_remote import TOKEN, GitRemote
from vps import attachments, inbox
from vps.commands import docker
from vps.events import types as t
from vps.host import families
from vps.models import Limits
from vps.outcome import Ending
from vps.testing.model import ScriptedModel
from vps.testing.packages import provide
from vps.testing.sshd import generate_key, sshd

_WORK = r"""
W=$PWD; export NO_PROXY= no_proxy=; cd /tmp; git clone -q {url}/owner/app.git && cd app && echo more > b && git add b
git -c user.name=agent -c user.email=agent@localhost commit -qm 'From the sandbox' && git push -q && git log -1 --format=%H
curl -s -o /dev/null -w 'denied %{{http_connect}}\n' https://denied.example/; dmesg | grep -o gVisor | head -n 1
for fd in /proc/[12]/fd/*; do printf '\n%s\n' "$A" > $fd; done 2>/dev/null
python3 -c 'import ctypes, sys; print("ptrace", ctypes.CDLL(None).ptrace(16, int(sys.argv[1]), 0, 0))' $PPID
cat /attachments/*/*
until [ -e $W/go ]; do sleep 0.2; done
cat /attachments/*/* ${{W}}s/_children/*/tree/seen
"""
_FILL = "while head -c 20M /dev/zero > /tmp/a; do exec {held}< /tmp/a; rm /tmp/a; sleep 1; done"
"""Deleted files that are held open, more and more of them: what was there as the run began does not count."""


@pytest.fixture(scope="module")
async def engine(image: str, gateway: Path | None) -> AsyncIterator[OwnEngine]:
    """With gVisor. It takes the gateway's image over from the machine's, which the gateway of the session made."""
    assert gateway is not None
    runsc = {"path": await provide("runsc", ["runsc"], print), "runtimeArgs": ["--host-uds=open", "--network=none"]}
    async with own_engine(image, {"runtimes": {"runsc": runsc}}) as made:
        yield made


@pytest.fixture(scope="module")
async def its_machine(engine: OwnEngine, figures: Path) -> AsyncIterator[Machine]:
    """A machine whose Docker is that one."""
    place = engine.socket.parent
    key = place / "key"
    options = {"SetEnv": f"DOCKER_HOST=unix://{engine.socket} {variable(figures)}"}
    async with (
        ScriptedModel(api_key=KEY, script=does_as_told) as model,
        sshd(place / "sshd", authorized_key=generate_key(key), say=print, options=options) as server,
        machine_at(place / "root", login(server, key), model) as found,
    ):
        yield found


async def test_an_agent_in_gvisor_pushes_its_work_hears_stops_and_forges_nothing(
    its_machine: Machine, remote: GitRemote, image: str
) -> None:
    await remote.repository("app", {"a": "b"})
    its_machine.use(runtime="runsc", hosts=(remote.host,), networks=("127.0.0.0/8", "::1/128"))
    tried = await its_machine.host.run(docker.try_runtime(image, "runsc"))
    assert tried.exit_code == 0, tried

    name = await its_machine.start(TOLD + FORGE + _WORK.format(url=remote.url.replace("://", f"://agent:{TOKEN}@")))
    await its_machine.seen(name, b'"tool_use"')
    message_id = str(uuid.uuid4())
    await attachments.place(its_machine.relay, name, message_id, [("a.txt", b"attached meanwhile\n")])
    await inbox.say(its_machine.relay, name, f"{TOLD}true", message_id)
    (its_machine.root / "aside").mkdir()
    (its_machine.root / "aside" / "seen").write_text("a child's tree\n")
    (its_machine.root / "aside").rename(its_machine.root / families.PLACE / families.family(name) / "tree")
    (its_machine.workspace / "go").touch()
    ended = await its_machine.ended(name)

    said = next(event.text for event in ended.events if isinstance(event, t.ToolResult))
    lines = said.splitlines()
    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    assert await remote.head("app") in lines, said
    assert "gVisor" in lines
    assert "attached meanwhile" in lines
    assert "denied 403" in lines
    assert "a child's tree" in lines, "what came into the directory after its start"
    assert "denied.example" in [event.host for event in ended.events if isinstance(event, t.Gateway)]
    heard = [event.text for event in ended.events if isinstance(event, t.UserMessage) and event.is_replay]
    assert heard[1:] == [f"{TOLD}true"]

    assert "ptrace -1" in lines
    assert not any(line.startswith(("WROTE", "REMOVED", "MOVED")) for line in lines)
    assert {event.text for event in ended.events if isinstance(event, t.Result)} == {"done"}
    ends = [event for event in ended.events if isinstance(event, t.Supervisor) and event.subtype == "ended"]
    assert len(ends) == 1

    name = await its_machine.start("scenario:sleep:300")
    await its_machine.seen(name, b'"tool_use"')
    await its_machine.runs.stop(name)
    ended = await its_machine.ended(name)
    assert ended.end.exit is not None
    assert (ended.outcome.ending, ended.end.exit.reason) == (Ending.STOPPED, "stopped")


async def test_deleted_files_that_are_held_open_count_in_gvisor_too(its_machine: Machine) -> None:
    its_machine.use(runtime="runsc")
    ended = await its_machine.run(TOLD + _FILL, limits=Limits(timeout_s=200, disk=64 << 20))

    assert ended.outcome.ending is Ending.LIMITED, ended.outcome
    assert "disk ceiling" in ended.outcome.reason


async def test_a_docker_that_is_restarted_is_told_as_the_cause_and_what_waits_starts_when_it_is_back(
    its_machine: Machine, engine: OwnEngine
) -> None:
    its_machine.use(max_agents=1)
    other = its_machine.root / "workspaces" / "other"
    other.mkdir(parents=True)
    name = await its_machine.start("scenario:sleep:300")
    waiting = await its_machine.start("scenario:ok", workspace=str(other))
    assert (await its_machine.runs.describe(waiting)).waiting
    await its_machine.seen(name, b"This takes a while.")
    await engine.stop()
    await engine.start()

    ended = await its_machine.ended(name)
    assert ended.outcome.ending is Ending.STOPPED, ended.outcome
    assert ended.outcome.reason == "Docker was stopped or restarted on the VPS."
    assert (await its_machine.ended(waiting)).outcome.ending is Ending.SUCCEEDED
