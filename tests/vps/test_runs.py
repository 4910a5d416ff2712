"""Runs of the real CLI in real containers over a real SSH server."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from tests.vps.conftest import RUN_S, Machine
from vps.errors import BadInput, CommandFailed, NoSuchRun, WorkspaceBusy
from vps.events import types as t
from vps.host.layout import LABEL_ROOT
from vps.models import CliOptions, Limits
from vps.outcome import Ending
from vps.shell import cmd
from vps.testing.sshd import Sshd


async def test_a_task_changes_the_repository_and_tells_what_it_changed(machine: Machine) -> None:
    ended = await machine.run("fix add() and add a test")

    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text
    assert "return a + b" in (machine.workspace / "calc.py").read_text()
    last = [event for event in ended.events if isinstance(event, t.Supervisor)][-2:]
    assert [event.subtype for event in last] == ["turn_ended", "ended"]
    changes = last[0].changes
    assert changes is not None
    assert (changes.files, changes.deletions) == (2, 1)
    assert "calc.py" in changes.stat


async def test_the_workspace_belongs_to_the_agents_user(machine: Machine) -> None:
    await machine.run("scenario:ok")

    owners = {path.lstat().st_uid for path in [machine.workspace, *machine.workspace.rglob("*")]}
    assert owners == {1001}


async def test_the_container_is_removed_and_its_end_is_kept(machine: Machine) -> None:
    ended = await machine.run("scenario:ok")

    async with asyncio.timeout(RUN_S):
        while ended.name in await machine.docker("ps", "--all", "--format", "{{.Names}}"):
            await asyncio.sleep(0.05)
    run = await machine.runs.describe(ended.name)
    assert not run.alive
    assert run.docker is not None
    assert run.docker.exit_code == 0
    assert run.exit is not None
    assert run.exit.reason == "completed"


@pytest.mark.parametrize(
    ("task", "ending", "words"),
    [
        ("scenario:failing-tool", Ending.SUCCEEDED, ""),
        ("scenario:error:400", Ending.FAILED, "400"),
        ("scenario:error:403", Ending.FAILED, "may not"),
        ("scenario:unknown-model", Ending.FAILED, "unknown"),
        ("scenario:refusal", Ending.REFUSED, "declined"),
        ("scenario:error-then-ok:500", Ending.SUCCEEDED, ""),
    ],
)
async def test_each_kind_of_end_is_told_apart(machine: Machine, task: str, ending: Ending, words: str) -> None:
    ended = await machine.run(task)

    assert ended.outcome.ending is ending, (ended.outcome, ended.text[-2000:])
    assert words in ended.outcome.reason


async def test_an_unknown_model_is_reported_as_the_stream_tells_it(machine: Machine) -> None:
    ended = await machine.run("scenario:ok", options=CliOptions(model="claude-nonesuch"))

    assert ended.outcome.ending is Ending.FAILED
    assert "unknown" in ended.outcome.reason
    assert ended.outcome.remedy == "Check `model`."


async def test_max_turns_is_a_limit(machine: Machine) -> None:
    ended = await machine.run("scenario:endless", options=CliOptions(max_turns=2))

    assert ended.outcome.ending is Ending.LIMITED
    assert "max_turns" in ended.outcome.reason


async def test_large_output_unicode_and_ansi_arrive_whole(machine: Machine) -> None:
    big, odd = await machine.run("scenario:big-output"), await machine.run("scenario:unicode")

    assert big.outcome.ending is Ending.SUCCEEDED
    assert odd.outcome.ending is Ending.SUCCEEDED
    for ended in (big, odd):
        assert not [event for event in ended.events if isinstance(event, t.Malformed)]
        assert ended.end.size == len(ended.data)


async def test_a_turn_that_takes_too_long_is_interrupted_and_writes_its_result(machine: Machine) -> None:
    ended = await machine.run("scenario:timeout", limits=Limits(timeout_s=15))

    assert ended.outcome.ending is Ending.TIMED_OUT
    assert ended.end.exit is not None
    assert ended.end.exit.reason == "timeout"
    assert [event for event in ended.events if isinstance(event, t.Result)], "the interrupted turn wrote no result"


async def test_a_stop_interrupts_and_keeps_the_log(machine: Machine) -> None:
    name = await machine.start("scenario:timeout")
    await machine.seen(name, b'"tool_use"')

    await machine.runs.stop(name)
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.STOPPED
    assert [event for event in ended.events if isinstance(event, t.Result)]


async def test_memory_that_ends_the_agent_itself_is_told(machine: Machine) -> None:
    # The CLI needs more than this to start (its resident size is about 200 MB).
    ended = await machine.run("scenario:ok", limits=Limits(memory=96 << 20, timeout_s=200))

    assert ended.outcome.ending is Ending.OUT_OF_MEMORY, ended.outcome
    assert ended.end.exit is not None
    assert ended.end.exit.signal == signal.SIGKILL


async def test_memory_that_ends_a_tool_only_is_the_agents_matter(machine: Machine) -> None:
    ended = await machine.run("scenario:memory:2000", limits=Limits(memory=1 << 30, timeout_s=200))

    assert ended.end.docker.oom_killed
    assert ended.outcome.ending is Ending.SUCCEEDED, ended.outcome


async def test_a_container_removed_by_hand_is_told_as_vanished(machine: Machine) -> None:
    name = await machine.start("scenario:timeout")
    await machine.seen(name, b'"tool_use"')

    await machine.docker("rm", "--force", name)
    run_directory = machine.root / "runs" / name
    old = run_directory.stat().st_mtime - 120
    await machine.host.run(cmd("touch", "-d", f"@{old}", str(run_directory)))
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.VANISHED


async def test_a_container_killed_by_hand_is_told_as_stopped(machine: Machine) -> None:
    name = await machine.start("scenario:timeout")
    await machine.seen(name, b'"tool_use"')

    await machine.docker("kill", name)
    ended = await machine.ended(name)

    assert ended.outcome.ending is Ending.STOPPED
    assert "outside" in ended.outcome.reason


@pytest.mark.parametrize("task", ["--help", "-p; rm -rf /", "/cost", "/etc/hosts is what?"])
async def test_a_task_is_delivered_literally(machine: Machine, task: str) -> None:
    await machine.run(task)

    asked = json.dumps([request.body for request in machine.model.requests if request.is_work])
    assert json.dumps(task)[1:-1] in asked


async def test_a_run_goes_on_while_the_connection_is_lost(machine: Machine, server: Sshd) -> None:
    name = await machine.start("scenario:words")
    following = asyncio.create_task(machine.ended(name))
    await machine.seen(name, b'"init"')

    await server.kill_sessions()
    ended = await following

    assert ended.outcome.ending is Ending.SUCCEEDED
    log = machine.root / "runs" / name / "out" / "out.jsonl"
    assert ended.data == log.read_bytes()


async def test_a_keeper_that_is_killed_comes_back_and_the_run_ends_as_if_nothing_was(machine: Machine) -> None:
    name = await machine.start("scenario:sleep:5")
    await machine.seen(name, b"This takes a while.")
    os.kill(int((machine.root / "keeper.lock").read_text()), signal.SIGKILL)

    ended = await machine.ended(name)
    assert ended.outcome.ending is Ending.SUCCEEDED, ended.text


async def test_a_hand_made_container_is_listed_stopped_and_never_removed(machine: Machine, image: str) -> None:
    name = "claude-agent-by-hand"
    elsewhere = f"{name}-elsewhere"
    await machine.docker("run", "--detach", "--name", name, image, "sleep", "600")
    await machine.docker("create", "--name", elsewhere, "--label", f"{LABEL_ROOT}=/another/root", image, "sleep", "600")
    try:
        listed = {run.name: run for run in await machine.runs.list()}
        assert listed[name].by_hand
        assert elsewhere not in listed, "another root directory's has its own control plane"
        assert await machine.runs.find(name[:16]) == name

        await machine.run("scenario:ok")
        await machine.runs.stop(name)
        assert name in await machine.docker("ps", "--all", "--format", "{{.Names}}")
    finally:
        await machine.docker("rm", "--force", name, elsewhere)


async def test_ids_are_names_unique_prefixes_or_docker_ids(machine: Machine) -> None:
    name = await machine.start("scenario:timeout")
    run = next(run for run in await machine.runs.list() if run.name == name)
    assert run.container is not None

    assert await machine.runs.find(run.container.id[:12]) == name
    assert await machine.runs.find(name[:-2]) == name
    await machine.runs.stop(name)
    await machine.ended(name)
    assert await machine.runs.find(run.container.id[:12]) == name
    with pytest.raises(NoSuchRun):
        await machine.runs.find("no-such-agent")


@pytest.mark.parametrize("workspace", ["/etc", "{root}/../..", "{root}/workspaces/missing", "{root}/workspaces/link"])
async def test_a_workspace_outside_or_missing_leaves_nothing_behind(machine: Machine, workspace: str) -> None:
    (machine.root / "workspaces").mkdir()
    (machine.root / "workspaces" / "link").symlink_to("/etc")

    with pytest.raises(BadInput, match="workspace_path"):
        await machine.start("scenario:ok", workspace=workspace.format(root=machine.root))

    assert not list((machine.root / "runs").iterdir())


async def test_a_workspace_has_one_agent_at_a_time_even_if_two_start_at_once(machine: Machine) -> None:
    started = await asyncio.gather(*(machine.start("scenario:timeout") for _ in range(3)), return_exceptions=True)

    (first,) = [each for each in started if isinstance(each, str)]
    busy = [each for each in started if isinstance(each, WorkspaceBusy)]
    assert [each.agents for each in busy] == [(first,), (first,)]
    assert [path.name for path in (machine.root / "runs").iterdir()] == [first]
    await machine.runs.stop(first)
    await machine.ended(first)
    assert (await machine.run("scenario:ok")).outcome.ending is Ending.SUCCEEDED


async def test_a_start_that_docker_refuses_is_undone(machine: Machine) -> None:
    with pytest.raises(CommandFailed):
        await machine.start("scenario:ok", limits=Limits(memory=1))

    assert not list((machine.root / "runs").iterdir())
    assert "claude-agent" not in await machine.docker("ps", "--all", "--filter", f"label=agentflow.root={machine.root}")
