"""Serves the scripts over HTTP as Anthropic's Messages API does."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from pydantic import SecretStr, TypeAdapter, ValidationError

from vps.testing.model import wire
from vps.testing.model.conversation import Conversation, MessagesRequest, read_conversation
from vps.testing.model.reply import Ending, Fault, Reply, say
from vps.testing.model.scenarios import Answer, next_answer, unknown_model

_MAX_BODY_BYTES = 32 * 1024 * 1024
"""The Messages API's own limit on a request."""

_CREDENTIAL_HEADERS = ("x-api-key", "authorization")
_JSON_OBJECT = TypeAdapter(dict[str, Any])
_SHUTDOWN_S = 1.0
_KNOWN_FAMILIES = ("claude-opus-", "claude-sonnet-", "claude-haiku-", "claude-3-")


@dataclass(frozen=True)
class Request:
    """One recorded request: header names in lower case, `body` {} when it is no JSON object.

    `key` is the credential it presented in either header; the headers themselves show only that it was there.
    """

    method: str
    path: str
    headers: dict[str, str]
    key: SecretStr | None
    body: dict[str, Any]

    @property
    def is_work(self) -> bool:
        """True for a turn of an agent, false for probes and side requests such as the CLI's for a session title."""
        return self.method == "POST" and self.path == "/v1/messages" and bool(self.body.get("tools"))


class ScriptedModel:
    """A stand-in for the Messages API: `async with ScriptedModel() as model:` serves at `model.url`.

    It streams and answers whole, counts tokens, and records the last `keep` requests in `requests`. With `api_key`,
    any other credential gets 401. A model name outside the known families gets 404. What it says comes from
    `script`: a pure function of the conversation, so any number of agents can use one server at a time.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: SecretStr | None = None,
        script: Callable[[Conversation], Answer] = next_answer,
        keep: int = 200,
    ) -> None:
        self.requests: deque[Request] = deque(maxlen=keep)
        self.url = ""
        self._host, self._port = host, port
        self._api_key = api_key
        self._script = script
        self._attempts: Counter[str] = Counter()
        self._closing = asyncio.Event()
        self._arrived = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listens. Raises OSError if the address cannot be bound."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends every stream, a hanging one too, and stops listening."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def accept(self, api_key: SecretStr) -> None:
        """From now on this is the only credential that does not get 401."""
        self._api_key = api_key

    async def wait_for(self, matches: Callable[[Request], bool] = lambda request: request.is_work) -> Request:
        """The first recorded request that `matches`, now or once it arrives; bound the wait with `asyncio.timeout`."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: any(map(matches, self.requests)))
        return next(filter(matches, self.requests))

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        request = await _recorded(http)
        async with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        if http.method == "HEAD":
            return web.Response()
        refused = self._refuse(request)
        return _failed(refused) if refused else await self._route(http, request)

    def _refuse(self, request: Request) -> Fault | None:
        if request.key is None:
            return Fault(401, "x-api-key header is required")
        if self._api_key is not None and request.key != self._api_key:
            bearer = "x-api-key" not in request.headers
            return Fault(401, "Invalid bearer token" if bearer else "invalid x-api-key")
        return None

    async def _route(self, http: web.Request, request: Request) -> web.StreamResponse:
        if http.method != "POST" or request.path not in ("/v1/messages", "/v1/messages/count_tokens"):
            return _failed(Fault(404, "Not found"))
        try:
            parsed = MessagesRequest.model_validate(request.body)
        except ValidationError as error:
            return _failed(Fault(400, str(error.errors()[0]["loc"]) + ": " + error.errors()[0]["msg"]))
        if request.path == "/v1/messages/count_tokens":
            return web.json_response({"input_tokens": wire.tokens(str(request.body))})
        return await self._deliver(http, parsed, self._answer(parsed, request))

    def _answer(self, parsed: MessagesRequest, request: Request) -> Answer:
        if not parsed.model.startswith(_KNOWN_FAMILIES):
            return unknown_model(parsed.model)
        if parsed.wants_json() and not request.is_work:
            return say('{"title": "Scripted session"}')
        session = request.headers.get("x-claude-code-session-id", "")
        attempt = session + parsed.fingerprint()
        self._attempts[attempt] += 1
        return self._script(read_conversation(parsed, self._attempts[attempt]))

    async def _deliver(self, http: web.Request, parsed: MessagesRequest, answer: Answer) -> web.StreamResponse:
        if isinstance(answer, Fault):
            return _failed(answer)
        prompt = _counted(parsed)
        if parsed.stream:
            return await self._stream(http, answer, wire.events(answer, prompt))
        if answer.ending == "hang":
            await self._closing.wait()
        return web.json_response(wire.message(answer, prompt), headers=_identified())

    async def _stream(self, http: web.Request, answer: Reply, events: Iterator[wire.Json]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", **_identified()})
        await response.prepare(http)
        for event in events:
            is_delta = event["type"] == "content_block_delta"
            if is_delta and answer.pause_s:
                await self._pause(answer.pause_s)
            await response.write(wire.sse(event))
            if is_delta and answer.ending != "complete":
                await self._cut(http, response, answer.ending)
                return response
        return response

    async def _cut(self, http: web.Request, response: web.StreamResponse, ending: Ending) -> None:
        if ending == "hang":
            await self._closing.wait()
        elif ending == "error_event":
            await response.write(wire.sse(wire.error(Fault(529, "Overloaded"))))
        elif ending == "malformed":
            await response.write(b"event: content_block_delta\ndata: {not json\n\n")
        if ending != "error_event" and http.transport is not None:
            http.transport.abort() if ending == "drop" else http.transport.close()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


async def _recorded(http: web.Request) -> Request:
    headers = {name.lower(): value for name, value in http.headers.items()}
    shown = {name: "(hidden)" if name in _CREDENTIAL_HEADERS else value for name, value in headers.items()}
    return Request(http.method, http.path, shown, _presented(http), _json_object(await http.read()))


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        return _JSON_OBJECT.validate_json(raw)
    except ValidationError:
        return {}


def _presented(http: web.Request) -> SecretStr | None:
    bearer = http.headers.get("Authorization", "").removeprefix("Bearer ")
    key = http.headers.get("x-api-key") or bearer
    return SecretStr(key) if key else None


def _counted(parsed: MessagesRequest) -> wire.Prompt:
    fresh = wire.tokens(parsed.messages[-1].model_dump_json()) if parsed.messages else 0
    return wire.Prompt(parsed.model, fresh, wire.tokens(parsed.model_dump_json()) - fresh)


def _failed(fault: Fault) -> web.Response:
    return web.json_response(wire.error(fault), status=fault.status, headers={**_identified(), **fault.headers})


def _identified() -> dict[str, str]:
    return {"request-id": wire.new_id("req")}
