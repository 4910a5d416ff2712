"""The Runner over one supervised asyncssh connection. The only module that knows asyncssh."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh
import structlog

from vps.commands import files
from vps.config import HostConfig
from vps.errors import HostError, HostKeyError, HostTimeout, HostUnreachable, LoginRefused, VpsError
from vps.runner import Done, check
from vps.shell import Command

log = structlog.get_logger()

MAX_SESSIONS = 8
"""Session channels at a time: sshd refuses the 11th at once by default (MaxSessions 10, sshd_config(5))."""
KEEPALIVE_S = 5
"""With 3 unanswered ones a dead peer is noticed within 20 s (measured)."""
LEADS_NOWHERE = (
    "Set `AllowStreamLocalForwarding yes` in /etc/ssh/sshd_config on the VPS, and no `DisableForwarding`; reload sshd."
)
"""What to do where the server leads to no socket."""
_LOGIN_S = 15.0
_CLOSE_S = 5.0
_BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
# OpenSSH 9.8 penalises an address for a refused login: knocking faster locks the bot out for longer.
_REFUSED_BACKOFF_S = 30.0
_KEY_REMEDY = "Check the fingerprint with the host's owner, then run `agentflow trust` to pin it."


class SshHost:
    """One host. Entering connects, or raises what is wrong; from then on a lost connection is opened again by itself.

    `up` is set while there is a connection, `lost` holds why there is none.
    """

    def __init__(self, config: HostConfig) -> None:
        self.config = config
        self.up = asyncio.Event()
        self.down = asyncio.Event()
        self.lost: HostError | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._slots = asyncio.Semaphore(MAX_SESSIONS)
        self._supervisor: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._connect()
        self._supervisor = asyncio.create_task(self._supervise(), name=f"ssh {self.config}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._supervisor is not None
        self._supervisor.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._supervisor
        if self._connection is not None:
            self._connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self._connection.wait_closed()

    async def run(self, command: Command, *, stdin: bytes = b"", timeout: float = 60.0) -> Done:
        """See `Runner.run`. A lost connection leaves open whether the command ran: HostUnreachable says so."""
        with _translated(self.config):
            async with asyncio.timeout(timeout), self._slots:
                connection = await self._connected()
                process = await connection.create_process(command.render(), input=stdin, encoding=None)
                try:
                    done = await process.wait()
                except BaseException:
                    # One that was given up holds one of the connection's few sessions for as long as it runs; as root sshd takes no
                    # signal for it (session.c), so long commands go through the relay, which kills them.
                    with contextlib.suppress(OSError, asyncssh.Error):
                        process.kill()
                    process.close()
                    raise
        if done.exit_status is None:
            raise HostUnreachable(f"The connection to {self.config} broke while `{_name(command)}` ran.")
        return Done(done.exit_status, _bytes(done.stdout), _bytes(done.stderr))

    @contextlib.asynccontextmanager
    async def stream(self, command: Command) -> AsyncGenerator[SshProcess]:
        """See `Runner.stream`."""
        async with self._slots:
            with _translated(self.config):
                async with asyncio.timeout(30):
                    connection = await self._connected()
                    process = await connection.create_process(command.render(), encoding=None)
            try:
                yield SshProcess(process, self.config)
            finally:
                process.close()
                # sshd counts a session until its channel is closed on both sides.
                with contextlib.suppress(TimeoutError, asyncssh.Error, OSError):
                    async with asyncio.timeout(_CLOSE_S):
                        await process.wait_closed()

    async def put(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        """See `Runner.put`. Raises CommandFailed."""
        await check(self, files.put(path, mode, nonce=secrets.token_hex(4)), stdin=data)

    @contextlib.asynccontextmanager
    async def socket(self, path: str) -> AsyncGenerator[str]:
        """The path of a socket here that leads to the UNIX socket at `path` on the host, in a directory of ours alone.

        It lives as long as the connection that there is now. Raises HostError, with the remedy where the server forbids it.
        """
        directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="agentflow-")  # 0700
        try:
            with _translated(self.config):
                async with asyncio.timeout(_LOGIN_S):
                    await self.up.wait()
                    assert self._connection is not None
                    connection = self._connection
                    await _reached(connection, path, self.config)
                    listener = await connection.forward_local_path(f"{directory}/s", path)
            try:
                yield f"{directory}/s"
            finally:
                listener.close()
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True))

    async def _connected(self) -> asyncssh.SSHClientConnection:
        await self.up.wait()
        assert self._connection is not None
        return self._connection

    async def _connect(self) -> None:
        with _translated(self.config):
            connection = await _open(self.config)
            try:
                # Without a session channel sshd leaves Nagle's algorithm on: 40 ms more for every forwarded exchange (measured).
                await connection.run("true", timeout=_LOGIN_S)
            except BaseException:
                connection.abort()
                raise
        self._connection = connection
        self.lost = None
        self.down.clear()
        self.up.set()

    async def _supervise(self) -> None:
        while True:
            assert self._connection is not None
            await self._connection.wait_closed()
            self.up.clear()
            self.down.set()
            self.lost = HostUnreachable(f"The connection to {self.config} was lost; it is being opened again.")
            await log.awarning("host lost", host=str(self.config))
            await self._reconnect()
            await log.ainfo("host back", host=str(self.config))

    async def _reconnect(self) -> None:
        for attempt in range(1 << 30):
            try:
                await self._connect()
            except HostError as error:
                self.lost = error
                refused = isinstance(error, LoginRefused | HostKeyError)
                await asyncio.sleep(_REFUSED_BACKOFF_S if refused else _BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
            else:
                return


class SshProcess:
    """A running command on the host; see `vps.runner.Process`."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], config: HostConfig) -> None:
        self._process = process
        self._config = config

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Process.chunks`."""
        with _translated(self._config):
            while data := await self._process.stdout.read(65_536):
                yield data

    async def write(self, data: bytes) -> None:
        """See `Process.write`."""
        with _translated(self._config):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def wait(self) -> Done:
        """See `Process.wait`."""
        with _translated(self._config):
            done = await self._process.wait()
        if done.exit_status is None:
            raise HostUnreachable(f"The connection to {self._config} broke.")
        return Done(done.exit_status, b"", _bytes(done.stderr))


async def host_key(config: HostConfig) -> tuple[str, str]:
    """The key the host shows now: its fingerprint (SHA256:…, as ssh-keygen prints it) and its known_hosts line."""
    with _translated(config):
        async with asyncio.timeout(_LOGIN_S):
            key = await asyncssh.get_server_host_key(config.address, config.port)
    if key is None:
        raise HostUnreachable(f"{config} shows no host key.")
    name = config.address if config.port == 22 else f"[{config.address}]:{config.port}"
    return key.get_fingerprint(), f"{name} {key.export_public_key('openssh').decode().strip()}\n"


async def _reached(connection: asyncssh.SSHClientConnection, path: str, config: HostConfig) -> None:
    """Raises HostUnreachable where the server does not lead to a socket. sshd gives the same reason whether it may not or cannot
    (serverloop.c), so the remedy names both."""
    try:
        _, writer = await connection.open_unix_connection(path)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  its stubs leave it open
    except asyncssh.ChannelOpenError as error:
        remedy = f"{LEADS_NOWHERE} If it is set, see `agentflow doctor`."
        raise HostUnreachable(
            f"The SSH server of {config} does not lead to the gateway's socket.", remedy=remedy
        ) from error
    writer.close()


async def _open(config: HostConfig) -> asyncssh.SSHClientConnection:
    known_hosts = config.known_hosts.expanduser()
    if not await asyncio.to_thread(known_hosts.is_file):
        raise HostKeyError(f"HETZNER_KNOWN_HOSTS: there is no file {known_hosts}.", remedy=_KEY_REMEDY)
    try:
        return await _connect(config, known_hosts)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise  # ValueErrors too, of the login key
    except ValueError as error:
        message = f"HETZNER_KNOWN_HOSTS: {known_hosts} has a line that is none of known_hosts: {error}."
        raise HostKeyError(message, remedy="Correct or remove that line.") from error


async def _connect(config: HostConfig, known_hosts: Path) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        config.address,
        config.port,
        username=config.user,
        known_hosts=str(known_hosts),
        client_keys=[str(_key(config.key))] if config.key else (),
        password_auth=False,
        kbdint_auth=False,
        keepalive_interval=KEEPALIVE_S,
        keepalive_count_max=3,
        connect_timeout=_LOGIN_S,
        login_timeout=_LOGIN_S,
        # The fastest with a hardware AES, which every VPS has (measured: twice chacha20).
        encryption_algs=[
            "aes256-gcm@openssh.com",
            "aes128-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
            "aes256-ctr",
        ],
    )


def _key(path: Path) -> Path:
    return path.expanduser()


@contextlib.contextmanager
def _translated(config: HostConfig) -> Generator[None]:
    """asyncssh's exceptions become ours here and nowhere else, the most specific first."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise HostKeyError(
            f"The host key of {config} is not the pinned one, or not pinned yet.", remedy=_KEY_REMEDY
        ) from error
    except (asyncssh.PermissionDenied, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        remedy = (
            "Check HETZNER_SSH_KEY and HETZNER_SSH_USER; the public key belongs in the user's authorized_keys there."
        )
        raise LoginRefused(f"{config} refused the login: {error}.", remedy=remedy) from error
    except (asyncssh.Error, ConnectionError) as error:
        raise HostUnreachable(f"The connection to {config} failed: {error}.", remedy=_reach(config)) from error
    except TimeoutError as error:
        raise HostTimeout(f"{config} did not answer in time.", remedy=_reach(config)) from error
    except OSError as error:
        raise _os_error(config, error) from error


def _os_error(config: HostConfig, error: OSError) -> VpsError:
    if config.key is not None and error.filename == str(_key(config.key)):
        return LoginRefused(
            f"HETZNER_SSH_KEY: cannot read {config.key}: {error.strerror}.", remedy="Name a private key file."
        )
    return HostUnreachable(f"{config} cannot be reached: {error.strerror or error}.", remedy=_reach(config))


def _reach(config: HostConfig) -> str:
    return f"Check HETZNER_SERVER_IP and HETZNER_SSH_PORT, and that `ssh -p {config.port} {config.user}@{config.address}` works."


def _name(command: Command) -> str:
    return str(command).split(" ", 1)[0]


def _bytes(data: bytes | str | None) -> bytes:
    return data if isinstance(data, bytes) else (data or "").encode()
