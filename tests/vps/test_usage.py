"""What running containers use: of all in one question, and no error when one goes meanwhile."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import AsyncIterator

import pytest

from tests.vps.conftest import Machine
from vps.commands import docker
from vps.run import Run, answers_to, short
from vps.runner import Done
from vps.shell import Command


@pytest.fixture
async def pair(machine: Machine, image: str) -> AsyncIterator[tuple[str, str]]:
    token = secrets.token_hex(3)
    names = (f"claude-agent-usage-{token}-a", f"claude-agent-usage-{token}-b")
    for name in names:
        await machine.docker("run", "--detach", "--init", "--name", name, image, "sleep", "600")
    yield names
    for name in names:
        await machine.docker("rm", "--force", name)


def test_the_question_names_every_container_once_and_none_is_refused() -> None:
    assert docker.stats("a", "b").argv == ("docker", "stats", "--no-stream", "--format", "{{json .}}", "a", "b")
    with pytest.raises(ValueError, match="no container"):
        docker.stats()


async def test_each_running_one_has_its_usage(machine: Machine, pair: tuple[str, str]) -> None:
    usages = await machine.runs.usages(pair)
    assert usages.keys() == set(pair)
    for usage in usages.values():
        assert usage.cpu.endswith("%")
        assert "B / " in usage.memory


async def test_one_that_is_gone_or_ended_is_left_out(machine: Machine, pair: tuple[str, str]) -> None:
    first, second = pair
    assert (await machine.runs.usages(["claude-agent-gone", first, second])).keys() == set(pair)
    await machine.docker("rm", "--force", second)
    assert (await machine.runs.usages(pair)).keys() == {first}
    assert await machine.runs.usages(["claude-agent-gone"]) == {}
    assert await machine.runs.usages([]) == {}


async def test_one_that_goes_while_docker_measures_is_left_out(
    machine: Machine, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    run = machine.relay.run

    async def goes_before(command: Command, *, stdin: bytes = b"", timeout: float = 60.0) -> Done:
        if "stats" in str(command):
            await machine.docker("rm", "--force", second)
        return await run(command, stdin=stdin, timeout=timeout)

    monkeypatch.setattr(machine.relay, "run", goes_before)
    assert (await machine.runs.usages(pair)).keys() == {first}


async def test_a_listed_run_that_is_gone_by_now_is_told_as_it_was_listed(machine: Machine) -> None:
    ended = await machine.run("scenario:ok")
    (listed,) = [run for run in await machine.runs.list() if run.name == ended.name]
    assert (await machine.runs.read(listed, tail=64 << 10)).turns > 0
    gone = dataclasses.replace(listed, container=None, name="claude-agent-1763700000000-k3x9qa")
    assert await machine.runs.read(gone, tail=64 << 10) == gone


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("claude-agent-1763700000000-k3x9qa", "k3x9qa"),
        ("claude-agent-by-hand", "by-hand"),
        ("claude-agent-1763700000000-", "1763700000000-"),
    ],
)
def test_the_short_name_may_be_typed_for_the_name(name: str, given: str) -> None:
    assert short(name) == given
    assert answers_to(Run(name, None, None), given)
    assert not answers_to(Run(name, None, None), given[1:])
