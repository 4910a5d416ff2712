"""Package caches: of use to a workspace's agents and to those in its further trees, and never written by those."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.vps.cache_rig import FILL, HOSTILE, Agents, everything, nest, run_the_task
from tests.vps.conftest import KEY, RUN_S, Machine, machine_at
from vps.commands import claude
from vps.config import HostConfig
from vps.host import caches
from vps.models import new_name
from vps.testing.model import ScriptedModel

PATIENT = "export npm_config_fetch_timeout=15000 npm_config_fetch_retries=6 npm_config_fetch_retry_mintimeout=500"
"""A registry's answer that never comes is asked for again, within what the turn may take."""


@pytest.fixture
async def agents(machine: Machine) -> AsyncIterator[Agents]:
    async with ScriptedModel(api_key=KEY, script=run_the_task) as model:
        yield Agents(machine, model)


async def test_nothing_an_agent_does_in_a_tree_changes_the_workspaces_cache_or_is_seen_by_another_tree(
    agents: Agents,
) -> None:
    await agents.do(FILL)
    hostile, other = await agents.tree("hostile"), await agents.tree("other")
    before = everything(agents.caches / "workspace")

    said = await agents.do(HOSTILE, hostile)

    assert "EVIL\nforged" in said, said
    assert everything(agents.caches / "workspace") == before
    look = "cd /var/cache/agent; cat pip/wheel pip/old pip/linked npm/_cacache/content/sha512 uv/archive/a go; find . | sort"
    assert await agents.do(look, other) == await agents.do(look)
    assert everything(agents.caches / "workspace") == before
    assert "EVIL" in await agents.do("cat /var/cache/agent/pip/wheel", hostile)


async def test_a_tree_sees_its_workspaces_packages_while_an_agent_works_there_and_keeps_its_own(agents: Agents) -> None:
    tree, other = await agents.tree("one"), await agents.tree("two")
    first = await agents.start('echo mine > "$PIP_CACHE_DIR"; mkfifo wait; cat wait')
    async with asyncio.timeout(RUN_S):
        while not (agents.caches / "workspace" / "pip").exists():
            await asyncio.sleep(0.05)

    assert await agents.do("cd /var/cache/agent; cat pip; echo added > npm", tree) == "mine"
    assert await agents.do("cd /var/cache/agent; cat pip npm", tree) == "mine\nadded"
    assert await agents.do("cd /var/cache/agent; ls", other) == "pip"
    await agents.machine.docker("exec", "--user", "1001", first, "sh", "-c", f"echo > {agents.machine.workspace}/wait")
    await agents.said(first)
    assert await agents.do("cd /var/cache/agent; ls") == "pip"


async def test_a_workspace_sees_nothing_of_another_ones(agents: Agents) -> None:
    for name in ("left", "right"):
        await agents.workspaces.create(name)
    await agents.do("echo packages > /var/cache/agent/pip", "left")

    assert await agents.do("ls -A /var/cache/agent; echo", "right") == "(Bash completed with no output)"
    assert sorted(path.name for path in agents.caches.iterdir()) == ["left", "right"]
    assert agents.caches.stat().st_mode & 0o777 == 0o700


async def test_what_npm_fetched_and_pip_built_in_a_workspace_its_trees_need_not_fetch_or_build_again(
    agents: Agents,
) -> None:
    """With the registries that the image is built from."""
    tree = await agents.tree("offline")
    package = json.dumps({"name": "w", "version": "1.0.0", "dependencies": {"is-odd": "3.0.1"}})
    # Built from source: a wheel that was built is kept whatever headers the registry sends.
    pip = "python3 -m venv v && v/bin/pip install --use-pep517 docopt==0.6.2"
    await agents.do(f"{PATIENT}; echo '{package}' > package.json; npm install && {pip}")
    lock = agents.machine.workspace / "package-lock.json"
    for name in ("package.json", "package-lock.json"):
        shutil.copy(lock.with_name(name), Path(agents.workspaces.path(tree)) / name)

    said = await agents.do("npm ci --offline && ls node_modules", tree)
    assert "is-number\nis-odd" in said, said
    assert "warn" not in said, said
    said = await agents.do(pip, tree)
    assert "Using cached docopt-0.6.2-py2.py3-none-any.whl" in said, said


@pytest.mark.parametrize("version", ["10", "11"])
async def test_pnpm_keeps_its_packages_in_the_cache_and_not_in_the_workspace(agents: Agents, version: str) -> None:
    package = json.dumps({"name": "w", "version": "1.0.0", "dependencies": {"is-odd": "3.0.1"}})
    install = f"timeout 80 npx --yes pnpm@{version} install"
    said = await agents.do(f"{PATIENT}; echo '{package}' > package.json; {install} || {install}; ls -a")

    assert "node_modules" in said, said
    assert ".pnpm-store" not in said
    assert list((agents.caches / "workspace" / "pnpm").iterdir())


async def test_a_trees_volume_goes_with_its_container(agents: Agents) -> None:
    await agents.do("true")
    name = await agents.start("mkfifo wait; cat wait", await agents.tree("one"))
    assert len((await agents.volumes()).split()) == 4, "its cache, HOME, /tmp and /var/tmp"
    assert "/caches/workspace--one/upper" in Path("/proc/mounts").read_text()

    await agents.machine.runs.stop(name)
    await agents.machine.ended(name)
    async with asyncio.timeout(RUN_S):
        while await agents.volumes():
            await asyncio.sleep(0.05)
    assert str(agents.caches) not in Path("/proc/mounts").read_text()


async def test_a_volume_that_somebody_left_behind_is_removed_with_what_is_too_large(agents: Agents) -> None:
    await agents.do("true")
    name = await agents.start("mkfifo wait; cat wait", await agents.tree("one"))
    await agents.machine.docker("rm", "--force", name)
    assert await agents.volumes()

    await agents.machine.runs.trim_caches(max_bytes=1 << 30)
    assert not await agents.volumes()


async def test_a_cache_goes_with_its_workspace_and_a_new_one_inherits_nothing(agents: Agents) -> None:
    await agents.workspaces.create("api")
    await agents.do("umask 0777; mkdir /var/cache/agent/closed; echo evil > /var/cache/agent/pip", "api")
    tree = await agents.tree("one", "api")
    await agents.do("rm -rf /var/cache/agent/pip", tree)

    await agents.workspaces.delete(tree, force=True)
    assert [path.name for path in agents.caches.iterdir()] == ["api"]
    await agents.workspaces.delete("api", force=True)
    assert not list(agents.caches.iterdir())

    await agents.workspaces.create("api")
    await agents.do("echo evil > /var/cache/agent/pip", "api")
    for left in ("workspaces/api", "git/api.git"):
        await asyncio.to_thread(shutil.rmtree, agents.machine.root / left)
    await agents.workspaces.create("api")
    assert "pip" not in await agents.do("ls /var/cache/agent", "api")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can remove what an agent wrote")
async def test_once_the_last_agent_has_ended_what_is_too_much_goes_by_itself(agents: Agents) -> None:
    cached(agents.machine.root, "left-behind", 1, 0, workspace=False)

    await agents.do("true")
    async with asyncio.timeout(RUN_S):
        while (agents.caches / "left-behind").exists():
            await asyncio.sleep(0.05)
    assert (agents.caches / "workspace").exists()


@pytest.fixture
async def unlayered(host_config: HostConfig, image: str, model: ScriptedModel) -> AsyncIterator[Machine]:
    """The machine with a root directory on an overlay, on which the kernel lays no other one."""
    assert image
    place = Path(tempfile.mkdtemp(prefix="agentflow-overlay-", dir="/tmp"))
    for part in ("lower", "upper", "work", "root"):
        (place / part).mkdir()
    options = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", str(place / "root")], check=True)
    try:
        place.chmod(0o755)
        async with machine_at(place / "root", host_config, model) as machine:
            yield machine
    finally:
        subprocess.run(["umount", "--lazy", str(place / "root")], check=True)
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
async def test_where_the_engine_cannot_lay_one_directory_on_another_a_tree_has_a_cache_of_its_own(
    unlayered: Machine,
) -> None:
    async with ScriptedModel(api_key=KEY, script=run_the_task) as model:
        agents = Agents(unlayered, model)
        await agents.do("echo theirs > /var/cache/agent/pip")
        tree = await agents.tree("one")

        assert await agents.do("cd /var/cache/agent; ls; echo mine > npm; echo made", tree) == "made"
        assert await agents.do("cd /var/cache/agent; cat *", tree) == "mine"
        assert await agents.do("cd /var/cache/agent; cat *") == "theirs"
        async with asyncio.timeout(RUN_S):
            while await agents.volumes():
                await asyncio.sleep(0.05)


def cached(root: Path, name: str, kib: int, age_s: int, *, workspace: bool = True) -> None:
    """A cache of so many KiB that was used so long ago."""
    if workspace:
        (root / "workspaces" / name).mkdir(parents=True)
    directory = root / "caches" / name
    directory.mkdir(parents=True)
    (directory / "package").write_bytes(os.urandom(kib << 10))
    now = directory.stat().st_mtime
    os.utime(directory, (now - age_s, now - age_s))


def at_work(root: Path, name: str) -> None:
    """A run that has not ended."""
    run = root / "runs" / new_name(1_700_000_000_000)
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"workspace": str(root / "workspaces" / name)}))


def test_those_unused_the_longest_go_first_until_the_rest_is_small_enough(tmp_path: Path) -> None:
    for name, age_s in (("old", 300), ("older", 400), ("young", 100)):
        cached(tmp_path, name, 1024, age_s)

    assert caches.trim(str(tmp_path), max_bytes=5 << 20) == []
    assert caches.trim(str(tmp_path), max_bytes=3 << 19) == ["older", "old"]
    assert [path.name for path in (tmp_path / "caches").iterdir()] == ["young"]


def test_none_goes_that_an_agent_is_using_and_none_that_lies_below_a_trees(tmp_path: Path) -> None:
    for name in ("api", "api--one", "api--two", "web"):
        cached(tmp_path, name, 64, 100)
    at_work(tmp_path, "api--one")
    at_work(tmp_path, "web/inside")

    assert caches.trim(str(tmp_path), max_bytes=0) == ["api--two"]


def test_one_without_a_workspace_goes_whatever_its_size(tmp_path: Path) -> None:
    cached(tmp_path, "gone", 1, 0, workspace=False)
    cached(tmp_path, "api", 1, 0)

    assert caches.trim(str(tmp_path)) == ["gone"]


def test_directories_nested_too_deep_for_a_path_are_counted_and_removed(tmp_path: Path) -> None:
    cached(tmp_path, "api", 0, 0)
    nest(tmp_path / "caches" / "api")

    assert caches.trim(str(tmp_path), max_bytes=20 << 20) == []
    assert caches.trim(str(tmp_path), max_bytes=3000 * 4096) == ["api"]
    assert not list((tmp_path / "caches").iterdir())


def test_a_directory_inside_a_tree_and_a_strange_name_have_nothing_laid_below(tmp_path: Path) -> None:
    for name in ("api", "api--one/inside", "--strange", "nobodys--tree"):
        (tmp_path / "workspaces" / name).mkdir(parents=True)
        provided = caches.provide(str(tmp_path), str(tmp_path / "workspaces" / name))
        assert provided["lower"] is None
        assert os.access(str(provided["own"]), os.W_OK)
    provided = caches.provide(str(tmp_path), str(tmp_path / "workspaces" / "api--one"))
    assert provided["lower"] == str(tmp_path / "caches" / "api")


def test_a_place_that_a_person_chose_wins() -> None:
    words = claude.environ({"PIP_CACHE_DIR": "/elsewhere"}, credential="ANTHROPIC_API_KEY", network="restricted")

    assert "PIP_CACHE_DIR=/elsewhere" in words
    assert "npm_config_cache=/var/cache/agent/npm" in words
