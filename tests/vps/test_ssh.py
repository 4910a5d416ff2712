"""The supervised connection: who is let in, what a key that changed means, and what happens when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.login import login
from vps.config import HostConfig
from vps.errors import HostKeyError, HostTimeout, HostUnreachable, LoginRefused
from vps.shell import cmd
from vps.ssh import MAX_SESSIONS, SshHost, host_key
from vps.testing.sshd import Sshd, generate_key, sshd


async def refused(config: HostConfig) -> None:
    async with SshHost(config):
        raise AssertionError("let in")


async def test_a_changed_host_key_is_refused_with_the_remedy(host_config: HostConfig, tmp_path: Path) -> None:
    other = generate_key(tmp_path / "other")
    known = tmp_path / "known_hosts"
    known.write_text(f"[{host_config.address}]:{host_config.port} {other}\n")

    with pytest.raises(HostKeyError, match="agentflow trust"):
        await refused(host_config.model_copy(update={"known_hosts": known}))


async def test_an_unknown_host_key_is_refused_with_the_remedy(host_config: HostConfig, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.touch()

    with pytest.raises(HostKeyError, match="agentflow trust"):
        await refused(host_config.model_copy(update={"known_hosts": known}))


async def test_without_a_known_hosts_file_nothing_is_trusted(host_config: HostConfig, tmp_path: Path) -> None:
    with pytest.raises(HostKeyError, match="HETZNER_KNOWN_HOSTS"):
        await refused(host_config.model_copy(update={"known_hosts": tmp_path / "missing"}))


async def test_a_malformed_known_hosts_file_is_named(host_config: HostConfig, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("[127.0.0.1]:1 ssh-ed25519 no-base64-at-all\nnonsense\n")
    with pytest.raises(HostKeyError):
        await refused(host_config.model_copy(update={"known_hosts": known}))


async def test_the_shown_key_is_the_servers(host_config: HostConfig, server: Sshd) -> None:
    fingerprint, line = await host_key(host_config)
    assert fingerprint.startswith("SHA256:")
    assert line.split()[:3] == server.host_key_line.split()[:3]


async def test_a_key_the_host_does_not_know_is_refused(host_config: HostConfig, tmp_path: Path) -> None:
    generate_key(tmp_path / "stranger")
    with pytest.raises(LoginRefused, match="HETZNER_SSH_KEY"):
        await refused(host_config.model_copy(update={"key": tmp_path / "stranger"}))


@pytest.mark.parametrize("content", [None, "no key at all"])
async def test_a_missing_or_malformed_key_file_is_named(
    host_config: HostConfig, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    with pytest.raises(LoginRefused, match="HETZNER_SSH_KEY"):
        await refused(host_config.model_copy(update={"key": tmp_path / "key"}))


async def test_a_host_where_nothing_listens_is_unreachable(host_config: HostConfig, unused_tcp_port: int) -> None:
    with pytest.raises(HostUnreachable, match="HETZNER_SSH_PORT"):
        await refused(host_config.model_copy(update={"port": unused_tcp_port}))


async def test_a_lost_connection_comes_back_by_itself(tmp_path: Path) -> None:
    key = tmp_path / "key"
    async with (
        sshd(tmp_path / "sshd", authorized_key=generate_key(key), say=print) as server,
        SshHost(login(server, key)) as host,
    ):
        await server.stop()
        async with asyncio.timeout(60):
            await host.down.wait()
        assert isinstance(host.lost, HostUnreachable)
        with pytest.raises(HostTimeout):
            await host.run(cmd("true"), timeout=0.2)

        await server.start()
        assert (await host.run(cmd("echo", "back"), timeout=60)).stdout == b"back\n"
        assert host.lost is None


async def test_more_commands_than_sessions_wait_their_turn(host_config: HostConfig) -> None:
    async with SshHost(host_config) as host:
        done = await asyncio.gather(*(host.run(cmd("echo", n)) for n in range(3 * MAX_SESSIONS)))
    assert [int(each.stdout) for each in done] == list(range(3 * MAX_SESSIONS))


async def test_what_is_put_is_whole_and_private(host_config: HostConfig, tmp_path: Path) -> None:
    path = tmp_path / "new" / "file with 'signs'"
    async with SshHost(host_config) as host:
        await host.put(str(path), b"\x00secret\n")
    assert path.read_bytes() == b"\x00secret\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[str]:
    """The path of a socket that says everything once more."""

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    path = str(tmp_path / "echo")
    async with await asyncio.start_unix_server(repeat, path):
        yield path


async def test_a_socket_of_the_host_is_reached_by_one_here_that_nobody_else_sees(
    host_config: HostConfig, echo: str
) -> None:
    async with SshHost(host_config) as host:
        async with host.socket(echo) as here:
            assert Path(here).parent.stat().st_mode & 0o777 == 0o700
            reader, writer = await asyncio.open_unix_connection(here)
            writer.write(b"hello")
            async with asyncio.timeout(60):
                assert await reader.readexactly(5) == b"hello"
            writer.close()
        assert not Path(here).parent.exists()


async def test_a_server_that_forbids_sockets_is_told_with_its_setting(tmp_path: Path, echo: str) -> None:
    key = tmp_path / "key"
    options = {"AllowStreamLocalForwarding": "no"}
    async with (
        sshd(tmp_path / "sshd", authorized_key=generate_key(key), say=print, options=options) as server,
        SshHost(login(server, key)) as host,
    ):
        with pytest.raises(HostUnreachable, match="AllowStreamLocalForwarding"):
            async with host.socket(echo):
                raise AssertionError("let through")
