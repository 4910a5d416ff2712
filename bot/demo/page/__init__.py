"""The page in front of the embedded Discord: static files, a live stream of changes, and what the person does.

It is reached with a key that the address carries once and a cookie keeps: whoever can use it can start agents.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.resources import files

from aiohttp import web
from simcord.backend.errors import BackendError
from simcord.backend.models import Interaction

from bot.demo.person import NoAnswerError, Person, RefusedError
from bot.demo.view import Changes
from bot.demo.world import Json, World

COOKIE = "agentflow_demo"
REFRESH_S = 0.1
"""The stream sends at most one update in this time."""
KEEPALIVE_S = 15.0

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "ttf": "font/ttf"}
_FILES = frozenset({"index.html", "page.css", "page.js", "markdown.js", "message.js", "composer.js", "modal.js"})
_FONTS = {
    "sans.ttf": "noto-sans-latin-v2.015.ttf",
    "italic.ttf": "noto-sans-latin-italic-v2.015.ttf",
    "mono.ttf": "noto-sans-mono-v2.014.ttf",
    "emoji.ttf": "noto-color-emoji-v2.051.ttf",
}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """Handlers for `/` and `/page/*`; `key` lets a browser in."""

    def __init__(self, world: World, person: Person, key: str) -> None:
        self._world = world
        self._person = person
        self._key = key
        self._closing = False

    def add_to(self, app: web.Application) -> None:
        """Register the routes."""
        app.on_shutdown.append(self._close)
        app.router.add_get("/", self._index)
        app.router.add_get("/cdn/{path:.+}", self._attachment)
        routes: dict[str, Callable[[Json], Awaitable[object]]] = {
            "commands": self._commands,
            "slash": self._slash,
            "autocomplete": self._autocomplete,
            "press": self._press,
            "choose": self._choose,
            "submit": self._submit,
            "say": self._say,
        }
        app.router.add_get("/page/events", self._guarded(self._events))
        app.router.add_get("/page/file/{name}", self._guarded(self._file))
        for name, act in routes.items():
            app.router.add_post(f"/page/{name}", self._guarded(_action(act)))

    def _admits(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode(), self._key.encode())

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not self._admits(request.cookies.get(COOKIE, "")):
                raise web.HTTPForbidden(text="Open the address that the demo printed; it carries the key.")
            return await handler(request)

        return guarded

    async def _index(self, request: web.Request) -> web.StreamResponse:
        if self._admits(request.query.get("key", "")):
            response = web.Response(status=303, headers={"Location": "/"})
            response.set_cookie(COOKIE, self._key, httponly=True, samesite="Strict")
            return response
        return await self._guarded(_serve_index)(request)

    async def _file(self, request: web.Request) -> web.Response:
        return await _static(request.match_info["name"])

    async def _attachment(self, request: web.Request) -> web.Response:
        data = self._world.attachment(request.match_info["path"])
        if data is None:
            raise web.HTTPNotFound
        # Agents write these files: a browser may show them, never run them.
        headers = {**_SAFE, "Content-Security-Policy": "sandbox; default-src 'none'"}
        return web.Response(body=data, headers=headers, content_type=_shown_as(request.path))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        channel_ids = [int(part) for part in request.query.get("channels", "").split(",") if part.isdecimal()]
        changes = Changes(self._world, [i for i in channel_ids if i in self._world.backend.channels])
        stream = web.StreamResponse(headers={**_SAFE, "Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await stream.prepare(request)
        # A browser that leaves ends its stream with a reset.
        with suppress(ConnectionResetError):
            while not self._closing:
                pulse = self._world.pulse()
                text = changes.next()
                await stream.write(f"data: {text}\n\n".encode() if text else b": still here\n\n")
                await asyncio.sleep(REFRESH_S)
                await _wait(pulse, KEEPALIVE_S)
        return stream

    async def _commands(self, asked: Json) -> object:
        return self._person.commands(int(asked["channel"]))

    async def _slash(self, asked: Json) -> object:
        return _shown(await self._person.slash_typed(asked["name"], int(asked["channel"]), asked["options"]))

    async def _autocomplete(self, asked: Json) -> object:
        channel_id = int(asked["channel"])
        return await self._person.autocomplete(asked["name"], asked["option"], asked["text"], channel_id=channel_id)

    async def _press(self, asked: Json) -> object:
        target = int(asked["channel"]), int(asked["message"]), asked["custom_id"]
        return _shown(await self._person.press(*target))

    async def _choose(self, asked: Json) -> object:
        target = int(asked["channel"]), int(asked["message"]), asked["custom_id"]
        return _shown(await self._person.choose(*target, asked["values"]))

    async def _submit(self, asked: Json) -> object:
        opened = self._world.interaction(int(asked["interaction"]))
        if opened is None:
            raise RefusedError("this dialog is not open any more")
        return _shown(await self._person.submit(opened, asked["values"]))

    async def _say(self, asked: Json) -> object:
        self._person.say_typed(int(asked["channel"]), asked["content"])
        return None

    async def _close(self, _: web.Application) -> None:
        self._closing = True
        self._world.touch()


def _action(act: Callable[[Json], Awaitable[object]]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(await act(await request.json()))
        except (RefusedError, NoAnswerError, BackendError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return handle


def _shown(answered: Interaction) -> Json:
    """What the page needs of an answer: the dialog to open, if the bot answered with one."""
    return {"interaction": str(answered.id), "modal": answered.modal}


def _shown_as(path: str) -> str:
    suffix = path.rsplit(".", 1)[-1].lower()
    return {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}.get(suffix, "text/plain")


async def _serve_index(_: web.Request) -> web.Response:
    return await _static("index.html")


async def _static(name: str) -> web.Response:
    if name not in _FILES and name not in _FONTS:
        raise web.HTTPNotFound
    folder = files("simcord") / "preview/static/fonts" if name in _FONTS else files("bot.demo.page")
    body = await asyncio.to_thread((folder / _FONTS.get(name, name)).read_bytes)
    headers = {**_SAFE, "Cache-Control": "max-age=86400" if name in _FONTS else "no-store"}
    return web.Response(body=body, content_type=_TYPES[name.rsplit(".", 1)[-1]], headers=headers)


async def _wait(pulse: asyncio.Event, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            await pulse.wait()
    except TimeoutError:
        return
