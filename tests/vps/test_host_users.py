"""SSH users other than root: one who may use Docker, and one who may not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.host_figures import proc, variable
from tests.login import login
from tests.vps.cache_rig import Agents, run_the_task
from tests.vps.conftest import KEY, Machine, machine_at
from vps.errors import DockerUnavailable
from vps.outcome import Ending
from vps.testing.model import ScriptedModel
from vps.testing.sshd import generate_key, sshd

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user")


@pytest.fixture
async def theirs(user: str, image: str, model: ScriptedModel) -> AsyncIterator[Machine]:
    """The machine as that user sees it, below a directory of theirs."""
    place = Path(tempfile.mkdtemp(prefix="agentflow-user-", dir="/tmp"))
    place.chmod(0o755)
    key = place / "key"
    options = {"SetEnv": variable(proc(place / "proc"))}
    public = generate_key(key)
    async with sshd(place / "sshd", authorized_key=public, say=print, users=[user], options=options) as server:
        with contextlib.suppress(DockerUnavailable):  # one whom Docker refuses has left nothing there to remove
            async with machine_at(place / "root", login(server, key), model) as machine:
                yield machine
    await asyncio.to_thread(shutil.rmtree, place)


@pytest.mark.parametrize("user", [["docker"]], indirect=True)
async def test_a_user_of_the_docker_group_runs_agents_prunes_and_keeps_its_files(theirs: Machine, user: str) -> None:
    first = await theirs.run("fix add() and add a test")
    again = await theirs.run("scenario:ok")

    assert first.outcome.ending is Ending.SUCCEEDED, first.text
    assert again.outcome.ending is Ending.SUCCEEDED, again.text
    assert "return a + b" in (theirs.workspace / "calc.py").read_text()
    assert {path.lstat().st_uid for path in [theirs.workspace, *theirs.workspace.rglob("*")]} == {1001}
    owner = pwd.getpwnam(user).pw_uid
    runs = theirs.root / "runs"
    assert {path.stat().st_uid for path in (runs, runs / first.name, runs / first.name / "in")} == {owner}
    transcripts = theirs.root / "sessions"
    assert list((transcripts / first.name).rglob("*.jsonl"))

    assert sorted(await theirs.runs.prune(max_age_s=0, max_bytes=0)) == sorted([first.name, again.name])
    assert not list(runs.iterdir())
    assert not list(transcripts.iterdir()), "an agent's transcripts stayed behind"


@pytest.mark.parametrize("user", [["docker"]], indirect=True)
async def test_a_user_of_the_docker_group_has_package_caches_and_gets_rid_of_them(theirs: Machine) -> None:
    async with ScriptedModel(api_key=KEY, script=run_the_task) as model:
        agents = Agents(theirs, model)
        await agents.do("umask 077; mkdir /var/cache/agent/closed; echo theirs > /var/cache/agent/closed/package")
        tree = await agents.tree("one")
        assert await agents.do("cd /var/cache/agent; cat closed/package; rm -r closed", tree) == "theirs"
        assert await agents.do("cat /var/cache/agent/closed/package") == "theirs"

        assert sorted(await theirs.runs.trim_caches(max_bytes=0)) == ["workspace", tree]
        assert not list(agents.caches.iterdir())


@pytest.mark.parametrize("user", [["docker"]], indirect=True)
async def test_the_key_and_the_run_are_closed_to_the_agents_uid_under_another_user(theirs: Machine) -> None:
    ended = await theirs.run("scenario:ok")
    directory = theirs.root / "runs" / ended.name

    def as_agent(*argv: str) -> int:
        dropped = ["setpriv", "--reuid", "1001", "--regid", "1001", "--clear-groups", "--", *argv]
        return subprocess.run(dropped, capture_output=True, check=False).returncode

    gateway = theirs.root / "gateway"
    holders = {str(gateway / "credential.json"), str(gateway / "envoy/sds.json")}
    for path in (directory / "out/out.jsonl", directory / "in/inbox.jsonl", *holders):
        assert as_agent("ls", "-l", str(path)) != 0
    found = subprocess.run(["grep", "-rl", KEY.get_secret_value(), str(theirs.root)], capture_output=True, check=False)
    assert set(found.stdout.decode().split()) == holders


@pytest.mark.parametrize("user", [[]], indirect=True)
async def test_a_user_whom_docker_refuses_is_told_and_nothing_stays(theirs: Machine) -> None:
    with pytest.raises(DockerUnavailable, match="group docker"):
        await theirs.start("scenario:ok")

    assert not [*theirs.root.glob("runs/*"), *theirs.root.glob("sessions/*")]
