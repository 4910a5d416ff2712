"""`agentflow watch` against a real host: in a pipe, on a terminal, and while the host is away."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from agents.crew import open_crew
from agents.tools.overview import Overview
from tests.agents.conftest import REPOSITORY, Station
from tests.agents.terminal import Terminal, on_terminal
from vps.run import short
from vps.runner import Done
from vps.shell import Cmd, Command
from vps.testing.packages import run_program

ALTERNATE_SCREEN, SCREEN_BACK, CURSOR_BACK = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


@pytest.fixture
async def by_hand(docked: Station) -> AsyncIterator[str]:
    """A container somebody started by hand under an agent's name."""
    name = f"claude-agent-watched-{secrets.token_hex(3)}"
    image = docked.environ["AGENTFLOW_IMAGE"]
    await docker("run", "--detach", "--init", "--name", name, image, "sleep", "600")
    yield name
    await docker("rm", "--force", name)


async def docker(*words: str) -> str:
    code, output = await run_program("docker", *words, timeout=60)
    assert code == 0, output
    return output


def watching(station: Station, *options: str) -> AbstractAsyncContextManager[Terminal]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(station.root.parent)}
    argv = [sys.executable, "-m", "bot", "watch", *options]
    return on_terminal(argv, environ | station.environ, station.root.parent, columns=200)


async def shows_anew(terminal: Terminal, *texts: str) -> None:
    """Wait until a picture that is drawn from now on has these texts."""
    terminal.shown = ""
    for text in texts:
        await terminal.shows(text)


async def test_a_pipe_gets_one_table_and_json_what_status_has(docked: Station) -> None:
    spawned = await docked.agentflow("spawn", "scenario:timeout", "--json", timeout=300)
    name = spawned.json["container_id"]

    plain = await docked.agentflow("watch")
    assert (plain.code, plain.err) == (0, "")
    assert "\x1b" not in plain.out
    (row,) = [line for line in plain.out.splitlines() if line.startswith(short(name))]
    for text in ("running", "workspace", "scenario:timeout", "$", "%", "MiB"):
        assert text in row

    machine = await docked.agentflow("watch", "--json")
    (seen,) = [each for each in machine.json["agents"] if each["agent"]["container_id"] == name]
    told = (await docked.agentflow("status", short(name), "--json")).json
    assert seen.keys() == told.keys()
    assert seen["agent"]["task"] == told["agent"]["task"] == "scenario:timeout"
    assert seen["cpu"].endswith("%")
    assert (await docked.agentflow("stop", short(name))).code == 0


async def test_the_table_follows_the_crew_and_ctrl_c_gives_the_terminal_back(docked: Station, by_hand: str) -> None:
    async with watching(docked, "--every", "1s") as terminal:
        await terminal.shows(ALTERNATE_SCREEN)
        await shows_anew(terminal, short(by_hand), "started by hand", "%", "KiB")
        await docker("stop", by_hand)
        await shows_anew(terminal, "Exited (")
        terminal.press(b"\x03")
        assert await terminal.ended() == 130
    assert SCREEN_BACK in terminal.shown
    assert CURSOR_BACK in terminal.shown
    assert "Traceback" not in terminal.shown


async def test_a_host_that_goes_away_is_told_and_comes_back_by_itself(docked: Station, by_hand: str) -> None:
    async with watching(docked) as terminal:
        await terminal.shows(short(by_hand))
        await docked.server.stop()
        await shows_anew(terminal, "The host cannot be reached.", "What is shown is 0:0", short(by_hand))
        await docked.server.start()
        await docker("stop", by_hand)
        await shows_anew(terminal, "Exited (")
        assert "warning" not in terminal.shown
        await shows_anew(terminal, short(by_hand))
        assert "cannot be reached" not in terminal.shown
        terminal.press(b"\x03")
        assert await terminal.ended() == 130


async def test_a_host_that_falls_silent_is_told_before_its_connection_is_given_up(
    docked: Station, by_hand: str
) -> None:
    async with watching(docked, "--every", "1s") as terminal:
        await terminal.shows(short(by_hand))
        docked.server.freeze()
        try:
            await shows_anew(terminal, "The host does not answer. What is shown is 0:0", short(by_hand))
        finally:
            docked.server.thaw()
        await docker("stop", by_hand)
        await shows_anew(terminal, "Exited (")
        terminal.press(b"\x03")
        assert await terminal.ended() == 130


async def test_a_host_that_is_away_from_the_start_is_an_error_and_no_table(docked: Station) -> None:
    await docked.server.stop()
    async with watching(docked) as terminal:
        assert await terminal.ended() == 1
    assert "error: " in terminal.shown
    assert ALTERNATE_SCREEN not in terminal.shown


async def test_what_all_use_is_one_question_and_never_two_at_once(
    docked: Station, by_hand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = f"{by_hand}-2"
    await docker("run", "--detach", "--init", "--name", second, docked.environ["AGENTFLOW_IMAGE"], "sleep", "600")
    try:
        async with open_crew(docked.settings()) as crew:
            asked: list[tuple[str, ...]] = []
            run = crew.relay.run

            async def noted(command: Command, *, stdin: bytes = b"", timeout: float = 60.0) -> Done:
                assert isinstance(command, Cmd)
                asked.append(command.argv)
                return await run(command, stdin=stdin, timeout=timeout)

            monkeypatch.setattr(crew.relay, "run", noted)
            overview = Overview(crew)
            seen = await overview.measure(await overview.look())
    finally:
        await docker("rm", "--force", second)
    # Once more where one of another test's went away meanwhile.
    assert [argv[1] for argv in asked] == ["ps", "stats"] * (len(asked) // 2)
    assert {by_hand, second} <= set(asked[1])
    used = {each.agent.container_id: each.cpu for each in seen.agents}
    assert used[by_hand]
    assert used[second]


async def test_more_agents_than_there_is_room_for_are_counted(docked: Station, by_hand: str) -> None:
    async with open_crew(docked.settings()) as crew:
        every = await Overview(crew).look()
        some = await Overview(crew).look(most=0)
    assert by_hand in {each.agent.container_id for each in every.agents}
    assert some.agents == ()
    assert some.more >= 1


@pytest.mark.parametrize("every", ["0s", "500ms", "2h", "soon"])
async def test_a_senseless_interval_is_refused_by_name(station: Station, every: str) -> None:
    done = await station.agentflow("watch", "--every", every)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: every: ")
