"""`StandIn`: a Discord of one guild on loopback, for a real client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import socket
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Self, TypeVar
from weakref import WeakSet

from aiohttp import web

from vps.testing.ports import free_port

from .actors import Actors
from .changes import PATIENCE_S
from .channel_endpoints import ChannelEndpoints, MessageEndpoints
from .connections import reset
from .endpoints import ApplicationEndpoints, GuildEndpoints, InteractionEndpoints
from .faults import Fault, Faults, Gate, Kind
from .gateway import Gateway, application_flags
from .interactions import Interaction, Interactions
from .model import THREAD_CREATED, THREAD_STARTER, Channel, Message, User
from .ratelimits import RateLimits
from .rest import PREFIX, Api, Call, Violation
from .sessions import MESSAGE_CONTENT
from .state import World

T = TypeVar("T")
HOST = "127.0.0.1"
_SYSTEM = {THREAD_CREATED, THREAD_STARTER}


class StandIn(Actors):
    """Gateway, REST API and people of one guild.

    `granted_intents` are the privileged intents that the application has in the portal.
    Times are seconds. Waits raise `TimeoutError` that says what there was instead.
    """

    def __init__(self, *, granted_intents: int = MESSAGE_CONTENT) -> None:
        self._socket = socket.create_server((HOST, free_port()))
        self.port: int = self._socket.getsockname()[1]
        world = World(lambda: self.cdn_url)
        self.token = _token(world.bot)
        super().__init__(world, Interactions(world))
        self.gateway = Gateway(world, self.token, self.gateway_url, granted_intents)
        self.faults = Faults()
        self.api = self._make_api(granted_intents)
        world.emit = self.gateway.dispatch
        self._runner = self._make_runner()
        self._site: web.SockSite | None = None
        self._transports: WeakSet[asyncio.Transport] = WeakSet()

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.port}{PREFIX}"

    @property
    def gateway_url(self) -> str:
        return f"ws://{HOST}:{self.port}/gateway"

    @property
    def cdn_url(self) -> str:
        return f"http://{HOST}:{self.port}/cdn"

    @property
    def violations(self) -> list[Violation]:
        """Requests of the bot that break the OpenAPI document or a limit."""
        return self.api.violations

    @property
    def own_violations(self) -> list[Violation]:
        """Answers of the stand-in that do not fit the OpenAPI document."""
        return self.api.own_violations

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.gateway.drop()
        await self._runner.cleanup()
        self._socket.close()

    @property
    def limits(self) -> RateLimits:
        """Limits per channel; off until `allowed` is set."""
        return self.api.limits

    @property
    def unanswered(self) -> list[Interaction]:
        """Interactions without a first answer."""
        return [each for each in self.interactions.sent if each.answer is None]

    # -- looking and waiting ------------------------------------------------------------------------------------

    def requests(self, method: str = "*", path: str = "") -> list[Call]:
        """The REST requests so far whose path matches the regular expression."""
        return [each for each in self.api.calls if method in {"*", each.method} and re.search(path, each.path)]

    def messages(self, channel: Channel) -> list[Message]:
        """What readers see in a channel, oldest first, without Discord's own notices."""
        return [each for _, each in sorted(channel.messages.items()) if each.type not in _SYSTEM]

    def transcript(self, channel: Channel) -> str:
        return "\n".join(f"{each.author.name}: {each.text}" for each in self.messages(channel))

    def threads(self, channel: Channel) -> list[Channel]:
        return self.world.threads(channel)

    def pings(self, user: User) -> list[Message]:
        """The messages that notified a user."""
        return [message for message in self.world.all_messages() if user.id in message.pings]

    async def wait_for(self, predicate: Callable[[], T], timeout: float = PATIENCE_S) -> T:
        """The first truthy value of `predicate`, looked at after every change."""
        return await self.world.changes.wait_for(predicate, timeout, self._describe)

    async def message_in(
        self, channel: Channel, wanted: str | Callable[[Message], bool], timeout: float = PATIENCE_S
    ) -> Message:
        """The first message in a channel that contains a text, or fulfils a condition."""

        def matches(message: Message) -> bool:
            return wanted in message.text if isinstance(wanted, str) else wanted(message)

        def found() -> Message | None:
            return next((each for each in self.messages(channel) if matches(each)), None)

        def describe() -> str:
            return f"#{channel.name} has:\n{self.transcript(channel)}"

        message = await self.world.changes.wait_for(found, timeout, describe)
        assert message
        return message

    async def thread_in(self, channel: Channel, timeout: float = PATIENCE_S) -> Channel:
        """The newest thread of a channel, once there is one."""
        await self.wait_for(lambda: self.threads(channel), timeout)
        return self.threads(channel)[-1]

    async def connected(self, timeout: float = PATIENCE_S) -> None:
        """Waits until a client is identified or resumed."""
        await self.wait_for(lambda: self.gateway.connected, timeout)

    def _describe(self) -> str:
        recent = [f"{each.method} {each.path} -> {each.status}" for each in self.api.calls[-10:]]
        return "the last requests were:\n" + "\n".join(recent)

    # -- failures -----------------------------------------------------------------------------------------------

    def fail_next(
        self,
        method: str,
        path: str,
        *,
        status: int = 500,
        code: int = 0,
        retry_after: float = 1.0,
        everywhere: bool = False,
        times: int = 1,
    ) -> Fault:
        """Answers the next requests with an error; `everywhere` makes a 429 the global limit.

        `path` is a regular expression for the path after `/api/v10`, `method` may be `*`.
        """
        fault = Fault(Kind.STATUS, method, re.compile(path), times, status, code, "ordered by the test")
        fault.retry_after, fault.everywhere = retry_after, everywhere
        return self.faults.order(fault)

    def reset_next(self, method: str, path: str, *, accepted: bool = False, times: int = 1) -> Fault:
        """Resets the connection of the next requests, before they take effect or, when `accepted`, after."""
        kind = Kind.RESET_AFTER if accepted else Kind.RESET_BEFORE
        return self.faults.order(Fault(kind, method, re.compile(path), times))

    def delay_next(self, method: str, path: str, seconds: float, *, times: int = 1) -> Fault:
        """Lets the next requests wait before they take effect."""
        return self.faults.order(Fault(Kind.DELAY, method, re.compile(path), times, delay=seconds))

    def hold_next(self, method: str, path: str, *, accepted: bool = False) -> Gate:
        """Lets the next request, or when `accepted` its answer only, wait until the returned gate is opened."""
        kind = Kind.HOLD_AFTER if accepted else Kind.HOLD
        return self.faults.order(Fault(kind, method, re.compile(path))).gate

    @contextlib.asynccontextmanager
    async def outage(self) -> AsyncGenerator[None]:
        """Discord is gone: the gateway's connections are reset and new ones of any kind refused."""
        assert self._site
        await self._site.stop()
        self.gateway.drop()
        for transport in list(self._transports):
            reset(transport)
        try:
            yield
        finally:
            self._socket = socket.create_server((HOST, self.port))
            await self._listen()

    # -- the server ---------------------------------------------------------------------------------------------

    def _make_api(self, granted_intents: int) -> Api:
        routes = [
            *ApplicationEndpoints(self.world, self.gateway_url, application_flags(granted_intents)).routes(),
            *GuildEndpoints(self.world).routes(),
            *InteractionEndpoints(self.world, self.interactions).routes(),
            *MessageEndpoints(self.world, granted_intents).routes(),
            *ChannelEndpoints(self.world).routes(),
        ]
        return Api(self.token, routes, self.faults, self.world.changes.notify)

    def _make_runner(self) -> web.AppRunner:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", PREFIX + "/{path:.*}", self._rest)
        app.router.add_get("/gateway{slash:/?}", self.gateway.handle)
        app.router.add_get("/cdn/attachments/{attachment}/{filename}", self._download)
        return web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def _listen(self) -> None:
        self._site = web.SockSite(self._runner, self._socket)
        await self._site.start()

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        if request.transport:
            self._transports.add(request.transport)
        return await self.api.handle(request)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        wanted = int(request.match_info["attachment"])
        for attachment in self.world.all_attachments():
            if attachment.id == wanted:
                return web.Response(body=attachment.data, content_type=attachment.content_type)
        raise web.HTTPNotFound


def _token(bot: User) -> str:
    """A token in Discord's form: the bot's id in base64, a time, a secret."""
    number = base64.urlsafe_b64encode(str(bot.id).encode()).decode().rstrip("=")
    return f"{number}.stand.in-{'x' * 24}"
