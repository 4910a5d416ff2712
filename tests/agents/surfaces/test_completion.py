"""The completion scripts, in the shells they are for."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.agents.conftest import Station
from tests.agents.terminal import on_terminal
from vps.errors import VpsError
from vps.testing.packages import provide, run_program

TYPED = [
    ("agentflow works", "workspace"),
    ("agentflow workspace cl", "clone"),
    ("agentflow spawn --max-b", "--max-budget-usd"),
    ("agentflow completion f", "fish"),
]
STARTED = {
    "bash": ["bash", "--noprofile", "--rcfile", "{start}", "-i"],
    "zsh": ["zsh", "--no-global-rcs", "-i"],
}
START = {
    "bash": "source '{script}'\nPS1='ready> '\n",
    "zsh": "autoload -Uz compinit && compinit -u -D\nzle_highlight=(none)\neval \"$(cat '{script}')\"\nPROMPT='ready> '\n",
}


async def shell(name: str) -> str:
    """The path of a shell; the test is skipped where there is none to be had."""
    try:
        return await provide(name, [name], print)
    except VpsError as missing:
        pytest.skip(f"the shell cannot be had here: {missing}")


async def script(station: Station, name: str, directory: Path) -> Path:
    done = await station.agentflow("completion", name)
    assert (done.code, done.err) == (0, "")
    path = directory / f"agentflow.{name}"
    await asyncio.to_thread(path.write_text, done.out)
    return path


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
async def test_the_script_is_valid(station: Station, tmp_path: Path, name: str) -> None:
    program = await shell(name)
    path = await script(station, name, tmp_path)
    assert await run_program(program, "-n", str(path), timeout=30) == (0, "")


@pytest.mark.parametrize("name", ["bash", "zsh"])
async def test_tab_completes_verbs_options_and_choices(station: Station, tmp_path: Path, name: str) -> None:
    await shell(name)
    start = tmp_path / ".zshrc"
    start.write_text(START[name].format(script=await script(station, name, tmp_path)))
    argv = [word.format(start=start) for word in STARTED[name]]
    for typed, offered in TYPED:
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path)}
        async with on_terminal(argv, environ, tmp_path) as terminal:
            await terminal.shows("ready> ")
            terminal.press(f"{typed}\t".encode())
            await terminal.shows(offered)


async def test_fish_completes_verbs_options_and_choices(station: Station, tmp_path: Path) -> None:
    program = await shell("fish")
    path = await script(station, "fish", tmp_path)
    for typed, offered in TYPED:
        asked = f"source '{path}'; complete --do-complete '{typed}'"
        code, shown = await run_program(program, "--no-config", "-c", asked, timeout=30)
        assert (code, shown.split("\t")[0]) == (0, offered)


async def test_a_shell_it_does_not_know_is_named_with_those_it_does(station: Station) -> None:
    done = await station.agentflow("completion", "ksh")
    assert (done.code, done.out) == (2, "")
    assert "ksh" in done.err
    assert "bash" in done.err
