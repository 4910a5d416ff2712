"""Remote repositories on loopback: git's own `git http-backend` behind HTTP Basic authentication."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

TOKEN = "ghp_loopbackRemoteToken0123456789abcdef"
_IDENTITY = {f"GIT_{role}_{what}": "Remote" if what == "NAME" else "remote@localhost"
             for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip
ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **_IDENTITY}


async def git(*words: str, cwd: Path | None = None, data: bytes = b"") -> str:
    """git on this machine, without anybody's configuration. Raises RuntimeError with what it said."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "git", "-c", "safe.directory=*", *words, cwd=cwd, env=ENVIRON, stdin=pipe, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate(data)
    if process.returncode:
        raise RuntimeError(f"git {words[0]}: {err.decode()}")
    return out.decode().strip()


class Gate:
    """Holds up whoever comes through until it is opened; `reached` tells that somebody stands there."""

    def __init__(self) -> None:
        self.reached, self._open = asyncio.Event(), asyncio.Event()

    def open(self) -> None:
        """Let them through, and all that come later."""
        self._open.set()

    async def passed(self) -> None:
        """Wait until it is open."""
        self.reached.set()
        await self._open.wait()


@dataclass
class GitRemote:
    """The server. What is set here counts from the next request on."""

    directory: Path
    url: str = ""
    token: str | None = TOKEN
    """None: everybody may read and write."""
    read_only: bool = False
    gate: Gate | None = None
    """Where requests wait, if there is one."""
    passwords: list[str] = field(default_factory=list[str])
    """What was offered as a password, in turn."""

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    async def repository(self, name: str, files: dict[str, str] | None = None, branches: tuple[str, ...] = ()) -> Path:
        """A new bare repository `owner/<name>` with one commit of `files` on main, and on further branches."""
        path = self.directory / "owner" / f"{name}.git"
        await git("init", "--quiet", "--bare", "-b", "main", str(path))
        await git("config", "http.receivepack", "true", cwd=path)
        if files is not None:
            await self.commit(name, files, "Start")
        for branch in branches:
            await git("branch", branch, "main", cwd=path)
        return path

    async def commit(self, name: str, files: dict[str, str], message: str, branch: str = "main") -> str:
        """A commit of somebody else's; its SHA."""
        path = self.directory / "owner" / f"{name}.git"
        lines = [
            f"commit refs/heads/{branch}\ncommitter Remote <remote@localhost> now\ndata {len(message)}\n{message}\n"
        ]
        has = await git("for-each-ref", f"refs/heads/{branch}", cwd=path)
        if has:
            lines.append(f"from refs/heads/{branch}^0\n")
        for file, text in files.items():
            lines.append(f"M 100644 inline {file}\ndata {len(text.encode())}\n{text}\n")
        await git("fast-import", "--quiet", "--date-format=now", cwd=path, data="".join(lines).encode())
        return await self.head(name, branch)

    async def head(self, name: str, branch: str = "main") -> str:
        """Where a branch stands; empty if there is none."""
        path = self.directory / "owner" / f"{name}.git"
        return await git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}", cwd=path)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request of git's smart HTTP protocol (gitprotocol-http(5)), as a CGI call."""
        if self.gate is not None:
            await self.gate.passed()
        if (refusal := self._refusal(request)) is not None:
            return refusal
        environ = ENVIRON | {
            "GIT_PROJECT_ROOT": str(self.directory),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": "",
            "REMOTE_USER": "x",
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "git", "-c", "safe.directory=*", "http-backend", env=environ, stdin=pipe, stdout=pipe
        )
        out, _ = await process.communicate(await request.read())
        head, _, body = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split()[0])
        return web.Response(status=status, headers=headers, body=body)

    def _refusal(self, request: web.Request) -> web.Response | None:
        offered = request.headers.get("Authorization", "").removeprefix("Basic ")
        password = base64.b64decode(offered).decode().partition(":")[2]
        if password:
            self.passwords.append(password)
        if self.token is not None and password != self.token:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'}, text="no")
        if self.read_only and ("git-receive-pack" in request.path_qs):
            return web.Response(status=403, text="Write access to repository not granted.")
        return None


@asynccontextmanager
async def git_remote(
    directory: Path, more: Callable[[web.Application], None] | None = None
) -> AsyncGenerator[GitRemote]:
    """Serve the repositories below `directory` on a free port of loopback, and `more` beside them."""
    remote = GitRemote(directory)
    app = web.Application(client_max_size=1 << 30)
    if more is not None:
        more(app)
    app.router.add_route("*", "/{path:.*}", remote.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        remote.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield remote
    finally:
        await runner.cleanup()
