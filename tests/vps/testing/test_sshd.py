"""The loopback SSH server: keys, limits, and the ways a connection can break."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncssh
import pytest

from vps.testing.sshd import Sshd, generate_key, sshd


def silent(text: str) -> None:
    del text


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Sshd]:
    public = generate_key(tmp_path / "key")
    async with sshd(tmp_path / "sshd", authorized_key=public, say=silent, max_sessions=3) as running:
        yield running


async def connect(server: Sshd, directory: Path) -> asyncssh.SSHClientConnection:
    async with asyncio.timeout(60):
        return await asyncssh.connect(
            server.address,
            server.port,
            username=server.users[0],
            client_keys=[str(directory / "key")],
            known_hosts=str(server.known_hosts),
            config=None,
            agent_path=None,
        )


async def test_it_runs_commands_for_the_authorized_key(server: Sshd, tmp_path: Path) -> None:
    async with await connect(server, tmp_path) as connection:
        done = await connection.run("id -un")
        assert done.stdout == f"{server.users[0]}\n"


async def test_it_refuses_another_key(server: Sshd, tmp_path: Path) -> None:
    generate_key(tmp_path / "key")
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(server, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server can let in somebody else")
async def test_it_lets_in_another_user_and_then_nobody_else(tmp_path: Path) -> None:
    public = generate_key(tmp_path / "key")
    async with sshd(tmp_path / "sshd", authorized_key=public, say=silent, users=("nobody",)) as server:
        async with await connect(server, tmp_path) as connection:
            assert connection.get_extra_info("username") == "nobody"
        server.users = ("root",)
        with pytest.raises(asyncssh.PermissionDenied):
            await connect(server, tmp_path)


async def test_its_host_key_is_a_known_hosts_line_with_the_port(server: Sshd) -> None:
    assert server.host_key_line.startswith(f"[127.0.0.1]:{server.port} ssh-ed25519 ")


async def test_more_sessions_than_allowed_are_refused(server: Sshd, tmp_path: Path) -> None:
    async with await connect(server, tmp_path) as connection:
        held = [await connection.create_process("cat") for _ in range(3)]
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.run("true")
        for process in held:
            process.close()


async def test_killed_sessions_break_the_connection_and_a_new_one_works(server: Sshd, tmp_path: Path) -> None:
    connection = await connect(server, tmp_path)
    assert await server.kill_sessions() >= 1
    async with asyncio.timeout(60):
        await connection.wait_closed()
    async with await connect(server, tmp_path) as again:
        assert (await again.run("echo back")).stdout == "back\n"


async def test_a_frozen_server_is_silent_until_it_thaws(server: Sshd, tmp_path: Path) -> None:
    async with await connect(server, tmp_path) as connection:
        server.freeze()
        answer = asyncio.create_task(connection.run("echo late"))
        done, _ = await asyncio.wait({answer}, timeout=0.3)
        assert not done
        server.thaw()
        async with asyncio.timeout(60):
            assert (await answer).stdout == "late\n"


async def test_it_starts_again_on_the_same_port_with_the_same_key(server: Sshd, tmp_path: Path) -> None:
    port = server.port
    await server.stop()
    with pytest.raises(OSError):
        await connect(server, tmp_path)
    await server.start()
    async with await connect(server, tmp_path) as connection:
        assert (await connection.run("echo back")).stdout == "back\n"
    assert server.port == port


async def test_leaving_ends_a_frozen_server_with_its_connections(tmp_path: Path) -> None:
    public = generate_key(tmp_path / "key")
    async with sshd(tmp_path / "sshd", authorized_key=public, say=silent) as server:
        connection = await connect(server, tmp_path)
        server.freeze()
    async with asyncio.timeout(60):
        await connection.wait_closed()
    with pytest.raises(OSError):
        await connect(server, tmp_path)
