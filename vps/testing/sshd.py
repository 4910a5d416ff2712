"""A real OpenSSH server on loopback with a configuration, a host key and an authorized key of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from vps.errors import HostUnreachable
from vps.testing.packages import Say, find_program, provide
from vps.testing.ports import ADDRESS, free_port
from vps.testing.processes import ProcessId, children_of, identify, program_name

_START_SECONDS = 15.0
_STOP_SECONDS = 10.0
_TICK_SECONDS = 0.02
_PRIVILEGE_SEPARATION = Path("/run/sshd")


def generate_key(path: Path) -> str:
    """Write an Ed25519 private key (0600) to `path`; its public half as an authorized_keys line."""
    key = asyncssh.generate_private_key("ssh-ed25519")  # pyright: ignore[reportUnknownMemberType]  its stubs leave it open
    _write(path, key.export_private_key().decode("ascii"))
    return key.export_public_key().decode("ascii").strip()


@asynccontextmanager
async def sshd(
    directory: Path,
    *,
    authorized_key: str,
    say: Say,
    port: int = 0,
    max_sessions: int = 10,
    users: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
) -> AsyncGenerator[Sshd]:
    """A server for the length of the block; installs openssh-server where it is missing.

    `port` 0 picks a free one. It lets in `users` (default: the current user) with the one key; a server that does not
    run as root can let in its own user only. `options` are lines of sshd_config(5) that go before the server's own.
    Raises HostUnreachable when the server does not come up.
    """
    program = await provide("sshd", ("openssh-server",), say)
    server = Sshd(program, directory, port or free_port(), users or (pwd.getpwuid(os.geteuid()).pw_name,))
    server.configure(authorized_key, {**(options or {}), "MaxSessions": str(max_sessions)})
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Sshd:
    """The running server. Signals go to the server's own processes only, never to the commands its users run."""

    def __init__(self, program: str, directory: Path, port: int, users: Sequence[str]) -> None:
        self.address = ADDRESS
        self.port = port
        self.users = tuple(users)
        self.log = directory / "sshd.log"
        self.known_hosts = directory / "known_hosts"
        self.host_key_line = ""
        """The host key as a known_hosts line."""
        self._program = program
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None

    def configure(self, authorized_key: str, options: Mapping[str, str]) -> None:
        """Write keys and configuration; part of `sshd()`."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        host_key = self._directory / "host_key"
        host_key.unlink(missing_ok=True)
        self.host_key_line = f"[{ADDRESS}]:{self.port} {generate_key(host_key)}"
        _write(self.known_hosts, f"{self.host_key_line}\n")
        _write(self._directory / "authorized_keys", f"{authorized_key.strip()}\n")
        lines = {**options, **self._settings(host_key)}
        _write(self._directory / "sshd_config", "".join(f"{name} {value}\n" for name, value in lines.items()))

    def _settings(self, host_key: Path) -> dict[str, str]:
        return {
            "Port": str(self.port),
            "ListenAddress": ADDRESS,
            "HostKey": f'"{host_key}"',
            "PidFile": f'"{self._directory / "sshd.pid"}"',
            **self._keys(self._directory / "authorized_keys"),
            "AllowUsers": " ".join(self.users),
            "PermitRootLogin": "prohibit-password",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "StrictModes": "no",
            # Without PAM sshd refuses accounts whose password is locked, as Ubuntu's root is.
            "UsePAM": "yes" if any(map(_is_locked, self.users)) else "no",
            "PrintMotd": "no",
            "PrintLastLog": "no",
            "LogLevel": "VERBOSE",
        }

    @staticmethod
    def _keys(path: Path) -> dict[str, str]:
        # The server reads AuthorizedKeysFile as the user who logs in, and another one has no way into this directory.
        if os.geteuid() != 0:
            return {"AuthorizedKeysFile": f'"{path}"'}
        command = f'{find_program("cat")} "{path}"'
        return {"AuthorizedKeysFile": "none", "AuthorizedKeysCommand": command, "AuthorizedKeysCommandUser": "root"}

    async def start(self) -> None:
        """Start, again on the same port after `stop()`, and wait until it greets. Raises HostUnreachable."""
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            self._program, "-D", "-f", str(self._directory / "sshd_config"), "-E", str(self.log),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath)}, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._greeting()
        except TimeoutError as error:
            await self.stop()
            raise HostUnreachable(f"sshd did not come up: {self._tail()}", remedy=f"Its log is {self.log}.") from error

    async def _greeting(self) -> None:
        while self._process is not None and self._process.returncode is None:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(ADDRESS, self.port)
                greeting = await reader.read(4)
                writer.close()
                await writer.wait_closed()
                if greeting == b"SSH-":
                    return
            await asyncio.sleep(_TICK_SECONDS)
        raise TimeoutError

    async def stop(self) -> None:
        """End the server with its connections; commands see the end of their channel. Does nothing when stopped."""
        process, self._process = self._process, None
        if process is None:
            return
        workers, listener = _tree(process.pid), identify(process.pid)
        if listener is not None and process.returncode is None:
            listener.send(signal.SIGTERM)
            listener.send(signal.SIGCONT)
        await _kill(workers)
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()

    async def kill_sessions(self) -> int:
        """Kill every open connection, as a network that breaks does; how many processes that were."""
        workers = _tree(self._pid())
        await _kill(workers)
        return len(workers)

    def freeze(self) -> None:
        """Stop answering without closing anything, as a host that hangs does; `thaw()` ends it."""
        for process in self._everything():
            process.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze()`."""
        for process in self._everything():
            process.send(signal.SIGCONT)

    def _everything(self) -> list[ProcessId]:
        listener = identify(self._pid())
        return [*([listener] if listener else []), *_tree(self._pid())]

    def _pid(self) -> int:
        if self._process is None:
            raise HostUnreachable("The SSH server is stopped.")
        return self._process.pid

    def _tail(self) -> str:
        with contextlib.suppress(OSError):
            return self.log.read_text(encoding="utf-8", errors="replace")[-600:].strip()
        return "it wrote no log"


async def _kill(processes: list[ProcessId]) -> None:
    for process in processes:
        process.send(signal.SIGKILL)
    for process in processes:
        await process.ended(_STOP_SECONDS)


def _tree(parent: int) -> list[ProcessId]:
    """sshd's processes below `parent`: one or two for every connection (named sshd-session since OpenSSH 9.8)."""
    own = [child for child in children_of(parent) if program_name(child.pid).startswith("sshd")]
    return [process for child in own for process in (child, *_tree(child.pid))]


def _is_locked(user: str) -> bool:
    try:
        lines = Path("/etc/shadow").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{user}:!") for line in lines)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
