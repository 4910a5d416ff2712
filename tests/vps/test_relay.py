"""The relay's questions and commands, over a real SSH server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vps.config import HostConfig
from vps.errors import BadInput, CommandFailed, HostError, HostTimeout, HostUnreachable, TooMuchOutput
from vps.provision import provision
from vps.relay import Relay
from vps.shell import both, cmd
from vps.ssh import SshHost
from vps.testing.sshd import Sshd


@pytest.fixture
async def host(host_config: HostConfig) -> AsyncIterator[SshHost]:
    async with SshHost(host_config) as connected:
        yield connected


@pytest.fixture
async def relay(host: SshHost, tmp_path: Path) -> AsyncIterator[Relay]:
    async with Relay(host, await provision(host, str(tmp_path)), str(tmp_path)) as started:
        yield started


async def test_a_command_gets_its_argv_its_stdin_and_no_shell(relay: Relay) -> None:
    script = (
        "import sys; print(sys.argv[1:], flush=True); sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.exit(3)"
    )
    done = await relay.run(cmd(sys.executable, "-c", script, "$HOME", "a b", "; ls"), stdin=b"\x00\xff\n")

    assert done.exit_code == 3
    assert done.stdout == b"['$HOME', 'a b', '; ls']\n\x00\xff\n"


async def test_commands_joined_by_a_shell_operator_work_too(relay: Relay) -> None:
    assert (await relay.run(both(cmd("true"), cmd("echo", "second")))).stdout == b"second\n"


async def test_megabytes_go_both_ways(relay: Relay) -> None:
    data = bytes(range(256)) * (1 << 14)
    assert (await relay.run(cmd("cat"), stdin=data)).stdout == data


async def test_a_missing_program_ends_as_in_a_shell(relay: Relay) -> None:
    done = await relay.run(cmd("no-such-program-here"))
    assert done.exit_code == 127
    assert done.stderr == b"no-such-program-here: command not found\n"


async def test_a_command_that_overruns_is_killed_with_its_children(relay: Relay, tmp_path: Path) -> None:
    script = "sleep 600 & echo $! > " + str(tmp_path / "pid") + "; wait"
    with pytest.raises(HostTimeout, match="within 4 s"):
        await relay.run(cmd("sh", "-c", script), timeout=4)

    pid = int((tmp_path / "pid").read_text())
    async with asyncio.timeout(60):
        while _runs(pid):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_command_that_prints_without_end_is_killed(relay: Relay, tmp_path: Path, stream: str) -> None:
    noted = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))"
    script = f"{noted}\nwhile True: sys.{stream}.write('x' * 9999)"
    with pytest.raises(TooMuchOutput, match="more than 16 MiB"):
        await relay.run(cmd(sys.executable, "-c", script, str(tmp_path / "pid")))
    assert not _runs(int((tmp_path / "pid").read_text()))


async def test_a_command_that_does_not_read_its_stdin_ends_as_it_wants(relay: Relay) -> None:
    assert (await relay.run(cmd("false"), stdin=bytes(4 << 20))).exit_code == 1


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_slow_answer_holds_up_no_other(relay: Relay) -> None:
    slow = asyncio.create_task(relay.run(cmd("sleep", "300"), timeout=400))
    await asyncio.gather(*(relay.ask("facts") for _ in range(100)))

    assert not slow.done()
    slow.cancel()


async def test_what_the_host_refuses_names_the_field(relay: Relay) -> None:
    with pytest.raises(BadInput, match="workspace_path"):
        await relay.ask("prepare", {"name": "x", "workspace": "/etc"})


async def test_a_question_nobody_knows_fails_with_the_reason(relay: Relay) -> None:
    with pytest.raises(CommandFailed, match="KeyError"):
        await relay.ask("no-such-verb")


async def test_a_connection_that_breaks_fails_what_was_asked_and_answers_what_comes_after(
    relay: Relay, host: SshHost, server: Sshd
) -> None:
    asked = asyncio.create_task(relay.run(cmd("sleep", "600"), timeout=60))
    await relay.ask("facts")
    await server.kill_sessions()

    with pytest.raises(HostUnreachable):
        await asked
    assert (await relay.ask("facts", timeout=60))["cpus"] >= 1


async def test_a_relay_that_cannot_start_says_why(host: SshHost, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"No such file.*Python 3\.9"):
        async with Relay(host, str(tmp_path / "nothing"), str(tmp_path)):
            pass
