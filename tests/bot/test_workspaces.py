"""Workspaces from Discord, against a real remote: clone, a second agent beside the first, push, a forced delete."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents.github_standin import GitHubStandin
from tests.bot.scene import RUN_S, Scene
from tests.discord_standin import Interaction, Message
from tests.vps.git_remote import TOKEN, GitRemote, git, git_remote


@pytest.fixture
def github() -> GitHubStandin:
    return GitHubStandin(token=TOKEN)


@pytest.fixture
async def remote(tmp_path: Path, github: GitHubStandin) -> AsyncIterator[GitRemote]:
    """With GitHub's API beside it."""
    async with git_remote(tmp_path / "remotes", github.add_to) as served:
        github.url = served.url
        yield served


@pytest.fixture
async def scene(git_scene: Scene, remote: GitRemote) -> Scene:
    await remote.repository("api", {"calc.py": "def add(a, b):\n    return a - b\n"})
    return git_scene


async def test_from_clone_to_push(scene: Scene, remote: GitRemote) -> None:
    path = await scene.clone(remote)
    assert await scene.offered("workspace push", "workspace_name", "AP") == ["api"]

    thread = await scene.spawn("fix add() and add a test", workspace_path=path)
    await scene.end_of(thread)
    diff = await scene.answer("workspace diff", workspace_name="api")
    assert "calc.py" in diff.text
    assert [file.filename for file in diff.attachments] == ["api.diff"]
    pushing = await scene.slash("workspace push", workspace_name="api", commit_message="Fix add")
    pushed = await pushing.shows("has main at", RUN_S)
    assert await remote.head("api") in pushed.text
    listed = await scene.answer("workspace list")
    assert "api · main" in listed.text


async def test_a_second_agent_gets_a_tree_of_its_own_that_can_be_pushed(scene: Scene, remote: GitRemote) -> None:
    path = await scene.clone(remote)
    first = await scene.spawn("scenario:sleep:300", workspace_path=path)
    await scene.discord.message_in(first, "This takes a while.", RUN_S)

    second = await scene.spawn("fix add() and add a test", workspace_path=path)
    await scene.end_of(second)

    card = scene.discord.messages(second)[0]
    names = [name for name in await scene.bot.crew.workspaces.names() if name.startswith("api--")]
    assert len(names) == 1
    branch = f"agent/{names[0].removeprefix('api--')}"
    assert branch in str(card.json())
    pushing = await scene.slash("workspace push", workspace_name=names[0], commit_message="Fix add")
    pushed = await pushing.shows(f"has {branch} at", RUN_S)
    assert await remote.head("api", branch) in pushed.text


async def test_a_forced_delete_asks_the_one_who_asked_for_it(scene: Scene) -> None:
    await (await scene.slash("workspace create", workspace_name="draft")).shows("draft · main", RUN_S)
    interaction = await scene.slash("workspace delete", workspace_name="draft", force=True)
    question = await interaction.shows("No work in it is lost", RUN_S)
    await scene.click(question, "Cancel")
    await interaction.shows("Not confirmed", RUN_S)
    assert "draft" in await scene.bot.crew.workspaces.names()

    (scene.root / "workspaces" / "draft" / "new.txt").write_text("x")
    again = await scene.slash("workspace delete", workspace_name="draft", force=True)
    question = await again.shows("Delete draft with 1 uncommitted changes, which exist nowhere else?", RUN_S)
    await scene.click(question, "Confirm")
    await again.shows("draft is deleted", RUN_S)
    assert "draft" not in await scene.bot.crew.workspaces.names()


async def test_what_changes_files_beneath_an_agent_asks_first(scene: Scene, remote: GitRemote) -> None:
    path = await scene.clone(remote)
    thread = await scene.spawn("scenario:sleep:300", workspace_path=path)
    await scene.discord.message_in(thread, "This takes a while.", RUN_S)
    name = await scene.name_of(thread)

    syncing = await scene.slash("workspace sync", workspace_name="api")
    question = await syncing.shows(f"while agents work there: {name}?", RUN_S)
    await scene.click(question, "Cancel")
    await syncing.shows("Not confirmed", RUN_S)
    branching = await scene.slash("workspace branch", workspace_name="api", branch_name="fix")
    question = await branching.shows(f"while agents work there: {name}?", RUN_S)
    await scene.click(question, "Confirm")
    await branching.shows("api · fix", RUN_S)


async def test_the_end_of_a_run_offers_its_diff_and_a_push(scene: Scene, remote: GitRemote) -> None:
    path = await scene.clone(remote)
    thread = await scene.spawn("fix add() and add a test", workspace_path=path)
    end = await scene.end_of(thread)
    await scene.restart_bot()

    shown = await scene.click(end, "Diff")
    await shown.shows("calc.py", RUN_S)
    refused = await scene.click(end, "Diff", user=scene.eve)
    await refused.shows("You may not use", RUN_S)

    form = await push_form(scene, end, f"Push main to {remote.host}")
    await asyncio.to_thread(agents_switch, scene, "--create", "elsewhere")
    submitted = await scene.discord.submit(scene.ada, form, message="Fix add")
    await submitted.shows("the workspace is on elsewhere by now, not on main", RUN_S)
    assert await remote.head("api", "elsewhere") == ""
    await asyncio.to_thread(agents_switch, scene, "main")
    form = await push_form(scene, end, f"Push main to {remote.host}")
    submitted = await scene.discord.submit(scene.ada, form, message="Fix add")
    pushed = await submitted.shows("has main at", RUN_S)
    assert await remote.head("api") in pushed.text


async def push_form(scene: Scene, end: Message, title: str) -> Interaction:
    """What the button opens, and what it tells, once the host told that in the time a form has."""
    async with asyncio.timeout(RUN_S):
        while True:
            form = await scene.click(end, "Push")
            await form.answered()
            assert form.modal is not None
            if form.modal["title"] != "Push":
                break
    assert form.modal["title"] == title
    return form


def agents_switch(scene: Scene, *words: str) -> None:
    """`git switch`, as an agent could run it."""
    tree = str(scene.root / "workspaces" / "api")
    subprocess.run(["git", "-c", "safe.directory=*", "-C", tree, "switch", "--quiet", *words], check=True)
    subprocess.run(["chown", "-R", "-h", "1001:1001", tree], check=True)


async def test_from_a_new_repository_on_github_to_a_pull_request(
    scene: Scene, remote: GitRemote, github: GitHubStandin
) -> None:
    creating = await scene.slash("workspace create", workspace_name="site", create_github_repo=True)
    await creating.shows("Its repository is", RUN_S)
    assert github.repositories["site"]["private"] is True
    await remote.repository("site")

    first = await scene.slash("workspace push", workspace_name="site")
    await first.shows("has main at", RUN_S)
    early = await scene.slash("workspace pr", workspace_name="site", title="Too early")
    await early.shows("Make a branch", RUN_S)
    branching = await scene.slash("workspace branch", workspace_name="site", branch_name="feature")
    await branching.shows("site · feature", RUN_S)
    unpushed = await scene.slash("workspace pr", workspace_name="site", title="Unpushed")
    await unpushed.shows("Push it first", RUN_S)
    pushing = await scene.slash("workspace push", workspace_name="site")
    await pushing.shows("has feature at", RUN_S)
    opened_it = await scene.slash("workspace pr", workspace_name="site", title="A feature", body="Its text")
    await opened_it.shows("Opened https://github.com/owner/site/pull/1", RUN_S)
    assert (github.pulls[0]["head"], github.pulls[0]["base"]) == ("feature", "main")


async def test_a_pull_request_waits_for_its_own_branch_alone(
    scene: Scene, remote: GitRemote, github: GitHubStandin
) -> None:
    tree = Path(await scene.clone(remote))
    for words in (
        ("switch", "-qc", "other"),
        ("commit", "-q", "--allow-empty", "-m", "x"),
        ("mv", "calc.py", "sum.py"),
        ("commit", "-qm", "y"),
        ("switch", "-q", "main"),
    ):
        await git(*words, cwd=tree)
    subprocess.run(["chown", "-R", "-h", "1001:1001", str(tree)], check=True)
    await (await scene.slash("workspace branch", workspace_name="api", branch_name="pr")).shows("api · pr", RUN_S)
    await (await scene.slash("workspace push", workspace_name="api")).shows("has pr at", RUN_S)

    opening = await scene.slash("workspace pr", workspace_name="api", title="Only this")
    await opening.shows("/pull/1", RUN_S)
    deleting = await scene.slash("workspace delete", workspace_name="api")
    await deleting.shows("unpushed commits (on other)", RUN_S)


async def test_a_workspace_without_a_repository_gets_the_one_a_lost_answer_left(
    scene: Scene, remote: GitRemote, github: GitHubStandin
) -> None:
    await (await scene.slash("workspace create", workspace_name="site")).shows("site · main", RUN_S)
    github.loses_answers = True
    failing = await scene.slash("workspace create", workspace_name="site", create_github_repo=True)
    await failing.shows("GitHub's API does not answer", RUN_S)
    assert "site" in await scene.bot.crew.workspaces.names()
    again = await scene.slash("workspace create", workspace_name="site", create_github_repo=True)
    await again.shows("Its repository is", RUN_S)
    await remote.repository("site")
    await (await scene.slash("workspace push", workspace_name="site")).shows("has main at", RUN_S)
    taken = await scene.slash("workspace create", workspace_name="site", create_github_repo=True)
    await taken.shows("site is taken", RUN_S)


async def test_a_repository_github_refuses_leaves_no_workspace(scene: Scene, github: GitHubStandin) -> None:
    github.fault = (403, {"message": "Resource not accessible by personal access token"})
    creating = await scene.slash("workspace create", workspace_name="site", create_github_repo=True)
    await creating.shows("Set GITHUB_TOKEN to a token that may do this", RUN_S)
    assert "site" not in await scene.bot.crew.workspaces.names()
