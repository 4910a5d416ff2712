"""Long work on a terminal, in a pipe, and for a program that reads JSON."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from agents.surfaces.cli_console import Steps
from tests.agents.conftest import REPOSITORY, Station
from tests.agents.terminal import on_terminal
from tests.vps.git_remote import TOKEN, GitRemote
from vps.testing.packages import run_program


@pytest.fixture
async def cloning(docked: Station, remote: GitRemote) -> Station:
    """One that may clone `api` of that remote."""
    await remote.repository("api", {"a.txt": "a\n"})
    docked.environ |= {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": remote.url}
    return docked


async def test_steps_are_rewritten_in_place_on_a_terminal(cloning: Station, remote: GitRemote) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(cloning.root.parent)}
    argv = [sys.executable, "-m", "bot", "workspace", "clone", f"{remote.url}/owner/api.git"]
    async with on_terminal(argv, environ | cloning.environ, cloning.root.parent, columns=40) as terminal:
        await terminal.shows("api · main")
        assert await terminal.ended() == 0
    written, _, answer = terminal.shown.rpartition("\r\x1b[K")
    assert f"\r\x1b[KCloning {remote.url}/owner/api.git"[:43] in written
    assert "\n" not in written
    assert max(len(line) for line in written.split("\r\x1b[K")) < 40
    assert answer.startswith("api · main")


async def test_steps_are_lines_in_a_pipe_and_none_beside_json(cloning: Station, remote: GitRemote) -> None:
    url = f"{remote.url}/owner/api.git"
    plain = await cloning.agentflow("workspace", "clone", url, timeout=120)
    assert plain.code == 0, plain.err
    assert f"Cloning {url}" in plain.err.splitlines()
    assert "\x1b" not in plain.err
    machine = await cloning.agentflow("workspace", "clone", url, "--workspace-name", "two", "--json", timeout=120)
    assert (machine.code, machine.err) == (0, "")
    assert machine.json["workspace"]["name"] == "two"


async def test_what_a_remote_says_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    async with Steps() as steps:
        await steps("Counting\x1b]0;title\x07 objects\r100%")
    assert capsys.readouterr().err == "Counting ]0;title  objects 100%\n"


async def test_a_terminal_gets_nothing_from_an_agent_that_drives_it_and_a_pipe_gets_all(tmp_path: Path) -> None:
    code = "from agents.surfaces.cli_console import answer; answer('a\\x1b[2Jb\\r\\x07c\\u202e\\n\\td')"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"}
    async with on_terminal([sys.executable, "-c", code], environ, tmp_path) as terminal:
        assert await terminal.ended() == 0
    assert terminal.shown.split("\r\n") == ["a [2Jb  c ", "\td", ""]
    piped = await run_program(sys.executable, "-c", code, timeout=30, env=environ)
    assert piped == (0, "a\x1b[2Jb\r\x07c\u202e\n\td\n")
