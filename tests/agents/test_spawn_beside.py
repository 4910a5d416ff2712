"""Agents that come while another works there, through the crew: each gets a tree of its own."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.crew import Crew, Order, open_crew
from tests.agents.conftest import Station
from vps.errors import BadInput
from vps.models import CliOptions, Origin
from vps.run import Run
from vps.shell import cmd


async def silent(_text: str) -> None:
    return


async def spawn(crew: Crew, workspace: str | None = None) -> Run:
    order = Order("scenario:sleep:300", workspace, 600, CliOptions(), {}, 512 << 20, 0.5)
    return await crew.spawn(order, Origin(caller="operator:tests"), silent)


@pytest.fixture
async def crew(docked: Station) -> AsyncIterator[Crew]:
    docked.root.parent.chmod(0o755)
    async with open_crew(docked.settings()) as opened:
        yield opened
        runs = [run.name for run in await opened.runs.list() if run.record and str(docked.root) in run.record.workspace]
        await asyncio.gather(*(opened.runs.stop(name) for name in runs))
        await opened.runs.stop_keeper()
        await opened.host.run(cmd("docker", "rm", "--force", runs))


async def test_three_at_once_beside_the_first_on_a_fresh_host(crew: Crew, docked: Station) -> None:
    first = await spawn(crew)
    others = await asyncio.gather(*(spawn(crew) for _ in range(3)))

    places = [run.record.workspace_name for run in (first, *others) if run.record]
    assert places[0] == "workspace"
    assert len(set(places)) == 4
    assert all(place.startswith("workspace--") for place in places[1:])
    assert [path.name for path in (docked.root / "git").iterdir()] == ["workspace.git"]


async def test_in_a_subdirectory_it_works_in_the_same_one_of_its_tree(crew: Crew, docked: Station) -> None:
    await crew.workspaces.create("api")
    tree = docked.root / "workspaces" / "api"
    await asyncio.to_thread(with_subdirectory, tree)
    await spawn(crew, str(tree))

    second = await spawn(crew, str(tree / "web"))

    assert second.record
    name = second.record.workspace_name
    assert name.startswith("api--")
    assert second.record.workspace == str((docked.root / "workspaces" / name / "web").resolve())

    (tree / "new").mkdir()
    before = await crew.workspaces.names()
    with pytest.raises(BadInput, match="new is in no commit yet"):
        await spawn(crew, str(tree / "new"))
    assert await crew.workspaces.names() == before


def with_subdirectory(tree: Path) -> None:
    (tree / "web").mkdir()
    (tree / "web" / "index.html").write_text("<p>\n")
    git = ["git", "-c", "safe.directory=*", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tree)]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "Web"], check=True)
    subprocess.run(["chown", "-R", "1001:1001", str(tree)], check=True)
