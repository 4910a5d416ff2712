"""A headless Chromium driven over its DevTools protocol: screenshots of the page, and tests of it.

https://chromedevtools.github.io/devtools-protocol/
"""

import asyncio
import base64
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

START_S = 30.0
CALL_S = 30.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class BrowserError(Exception):
    """The browser is missing, did not start, or a page did not do what was asked."""


class Tab:
    """One open page."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._calls = 0

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """One DevTools call; raises BrowserError when it fails, TimeoutError after 30 s."""
        self._calls += 1
        await self._socket.send_json({"id": self._calls, "method": method, "params": params})
        async with asyncio.timeout(CALL_S):
            while True:
                answer = json.loads(await self._socket.receive_str())
                if answer.get("id") == self._calls:
                    break
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    async def open(self, url: str) -> None:
        """Go to an address and wait for its `load` event."""
        await self.call("Page.enable")
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(answer["exceptionDetails"]["exception"].get("description", "the script failed"))
        return answer["result"].get("value")

    async def until(self, condition: str, timeout: float = 25.0) -> None:
        """Wait in the page, at each of its frames, until an expression is true; raises BrowserError."""
        wait = f"""new Promise((done) => {{
            const end = Date.now() + {timeout * 1000};
            const look = () => {{
                const ok = Boolean({condition});
                if (ok || Date.now() > end) done(ok); else setTimeout(look, 30);
            }};
            look();
        }})"""
        if not await self._settled(wait):
            raise BrowserError(f"never true within {timeout:g} s: {condition}")

    async def _settled(self, wait: str) -> bool:
        try:
            return bool(await self.run(wait))
        except BrowserError:
            # A navigation ends the page that was asked; the next one is asked again.
            return bool(await self.run(wait))

    async def click(self, selector: str) -> None:
        """Press the mouse in the middle of the first element that a selector finds."""
        await self.until(f"document.querySelector({json.dumps(selector)})")
        box = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    async def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, code: int = 0) -> None:
        """Press a key, by its DOM name and key code."""
        for kind in ("rawKeyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    async def screenshot(self, path: Path) -> None:
        """Write a PNG of what is in view."""
        await self.run("document.fonts.ready.then(() => true)")
        shot = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@asynccontextmanager
async def browser(*, width: int = 1440, height: int = 900) -> AsyncGenerator[Tab]:
    """Start a headless Chromium with one empty page. Raises BrowserError when there is none or it does not start."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise BrowserError(f"no browser found (looked for {', '.join(NAMES)}); install chromium")
    with tempfile.TemporaryDirectory(prefix="agentflow-browser-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *FLAGS,
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        reader: asyncio.Task[None] | None = None
        try:
            stderr = process.stderr
            assert stderr is not None
            address = await _address(stderr)
            reader = asyncio.create_task(_drain(stderr))
            async with ClientSession() as http, http.ws_connect(await _page(http, address), max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.call(
                    "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
                )
                yield tab
        finally:
            await _end(process, reader)


async def screenshot(url: str, path: Path, *, ready: str = "true", width: int = 1440, height: int = 900) -> None:
    """Write a PNG of a page once the JavaScript expression `ready` is true. Raises BrowserError."""
    async with browser(width=width, height=height) as tab:
        await tab.open(url)
        await tab.until(ready)
        await tab.screenshot(path)


async def _address(stderr: asyncio.StreamReader) -> str:
    """host:port of the DevTools server, which the browser announces on stderr."""
    async with asyncio.timeout(START_S):
        while line := (await stderr.readline()).decode():
            if "DevTools listening on ws://" in line:
                return line.split("ws://", 1)[1].split("/", 1)[0]
    raise BrowserError("the browser ended before it was ready")


async def _page(http: ClientSession, address: str) -> str:
    """The websocket of the first page."""
    async with asyncio.timeout(START_S), http.get(f"http://{address}/json/list") as answer:
        pages: list[dict[str, str]] = await answer.json(content_type=None)
    return next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")


async def _drain(stderr: asyncio.StreamReader) -> None:
    while await stderr.read(65536):
        pass


async def _end(process: asyncio.subprocess.Process, reader: asyncio.Task[None] | None) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    if reader is not None:
        await reader
