"""What uninstalling takes and what it leaves."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.agents.conftest import IMAGE, KEY, Station, environ
from tests.host_figures import proc, variable
from vps.commands.gateway import name as container_name
from vps.host.layout import LABEL_ROOT
from vps.testing.model import ScriptedModel
from vps.testing.sshd import generate_key, sshd

_OWN_IMAGE = "agentflow-claude-code:uninstall-tests"
_GATEWAY_IMAGE = "agentflow-gateway:uninstall-tests"


async def run(*argv: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(200):
        out, _ = await process.communicate()
    return out.decode()


async def repository(path: Path) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(path))
    await run("git", "init", "-q", "-b", "main", str(path))
    await run(*git, "commit", "-q", "--allow-empty", "-m", "Start")


def give(path: Path) -> None:
    """To the agents' user."""
    for each in (path, *path.rglob("*")):
        os.chown(each, 1001, 1001)


@pytest.fixture
async def installed(docked: Station) -> AsyncIterator[Station]:
    await run("docker", "tag", IMAGE, _OWN_IMAGE)
    docked.environ["AGENTFLOW_IMAGE"] = _OWN_IMAGE
    assert (await docked.agentflow("list")).code == 0
    yield docked
    await run("docker", "image", "rm", _OWN_IMAGE, _GATEWAY_IMAGE)


async def a_gateway(root: Path) -> str:
    """What is called so, on an image of that name."""
    name = container_name(str(root))
    await run("docker", "tag", IMAGE, _GATEWAY_IMAGE)
    label = f"{LABEL_ROOT}={root}"
    await run("docker", "run", "-d", "--init", "--name", name, "--label", label, _GATEWAY_IMAGE, "sleep", "300")
    return name


async def test_everything_goes_but_unpushed_work(installed: Station) -> None:
    root = installed.root
    for name in ("clean", "dirty", "ahead", "plain"):
        path = root / "workspaces" / name
        path.mkdir(parents=True)
        if name != "plain":
            await repository(path)
    (root / "workspaces/dirty/new.txt").write_text("x")
    (root / "workspaces/plain/notes.txt").write_text("x")
    (root / "workspaces/ahead/a.txt").write_text("x")
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(root / "workspaces/ahead"))
    await run(*git, "add", ".")
    await run(*git, "commit", "-q", "-m", "Work")
    await repository(root / "workspace")
    give(root / "workspaces")
    give(root / "workspace")
    gateway = await a_gateway(root)

    done = await installed.agentflow("uninstall", "--yes")

    assert done.code == 0, done.err
    assert sorted(path.name for path in root.iterdir()) == ["workspaces"]
    assert sorted(path.name for path in (root / "workspaces").iterdir()) == ["ahead", "dirty", "plain"]
    assert f"kept {root}/workspaces/ahead: 1 unpushed commits" in done.err
    assert f"kept {root}/workspaces/dirty: 1 uncommitted changes" in done.err
    assert f"kept {root}/workspaces/plain: files that are in no git repository" in done.err
    assert await run("docker", "image", "ls", "-q", _OWN_IMAGE) == ""
    assert await run("docker", "image", "ls", "-q", IMAGE) != ""
    assert await run("docker", "image", "ls", "-q", _GATEWAY_IMAGE) == ""
    assert await run("docker", "ps", "-aq", "--filter", f"name={gateway}") == ""


async def test_it_asks_first(installed: Station) -> None:
    done = await installed.agentflow("uninstall", stdin=b"\n")
    assert done.code == 1
    assert (installed.root / "lib").exists()


async def test_it_refuses_while_agents_run_and_stops_them_when_forced(installed: Station) -> None:
    label = f"agentflow.root={installed.root}"
    name = "claude-agent-1700000000000-unins1"
    await run("docker", "run", "-d", "--init", "--name", name, "--label", label, _OWN_IMAGE, "sleep", "300")
    try:
        refused = await installed.agentflow("uninstall", "--yes")
        assert refused.code == 2
        assert name in refused.err
        done = await installed.agentflow("uninstall", "--yes", "--force")
        assert done.code == 0, done.err
        assert not installed.root.exists()
        assert await run("docker", "ps", "-aq", "--filter", f"label={label}") == ""
    finally:
        await run("docker", "rm", "-f", name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user")
@pytest.mark.parametrize("user", [["docker"]], indirect=True)
async def test_a_user_other_than_root_takes_away_what_agents_wrote(place: Path, user: str, image: str) -> None:
    await run("docker", "tag", image, _OWN_IMAGE)
    place.chmod(0o755)
    root, key = place / "root", place / "key"
    root.mkdir()
    shutil.chown(root, user)
    options = {"SetEnv": variable(proc(place / "proc"))}
    async with (
        sshd(place / "sshd", authorized_key=generate_key(key), say=print, users=[user], options=options) as server,
        ScriptedModel(api_key=SecretStr(KEY)) as model,
    ):
        theirs = Station(server, root, environ(server, key, model, root) | {"AGENTFLOW_IMAGE": _OWN_IMAGE})
        spawned = await theirs.agentflow("spawn", "scenario:ok", "--json")
        assert spawned.code == 0, spawned.err
        waited = await theirs.agentflow("wait", spawned.json["container_id"])
        assert waited.code == 0, waited.err
        assert list((root / "sessions").rglob("*.jsonl"))
        assert (root / "workspace").stat().st_uid == 1001

        done = await theirs.agentflow("uninstall", "--yes")

    assert done.code == 0, done.err
    assert not list(root.iterdir()) if root.exists() else True
