"""The REST API's outside: reads a request, checks it, lets ordered failures happen, answers as Discord does."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from . import errors
from .connections import reset
from .errors import ApiError
from .faults import Fault, Faults, Kind
from .openapi import Specification, template_pattern
from .ratelimits import RateLimits
from .state import Upload
from .wire import Json

PREFIX = "/api/v10"
_ENDINGS = {Kind.STATUS, Kind.RESET_BEFORE, Kind.RESET_AFTER}


@dataclass(eq=False)
class Call:
    """One REST request of the bot. `path` comes after `/api/v10`; `status` is None while it is not answered."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    uploads: dict[int, Upload]
    authorization: str | None = field(default=None, repr=False)
    at: float = field(default_factory=time.monotonic)
    status: int | None = None
    params: dict[str, str] = field(default_factory=dict[str, str])

    def id(self, name: str) -> int:
        return int(self.params[name])

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in {"1", "true"}


@dataclass(frozen=True)
class Violation:
    """A request that Discord would have refused, or that it does not document."""

    method: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.problem}"


Reply = tuple[int, Any]
Handler = Callable[[Call], Reply]
Check = Callable[[Call], Iterable[str]]


@dataclass(frozen=True)
class Route:
    """An endpoint. `check` returns the limits that a request breaks; `open` ones need no bot token."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    check: Check | None = None
    open: bool = False


def route(method: str, template: str, handler: Handler, check: Check | None = None, *, is_open: bool = False) -> Route:
    return Route(method, template_pattern(template), handler, check, is_open)


class Api:
    """Dispatches calls to routes. `routes` are tried in order."""

    def __init__(self, token: str, routes: list[Route], faults: Faults, changed: Callable[[], None]) -> None:
        self._token, self._routes, self._faults, self._changed = token, routes, faults, changed
        self.limits = RateLimits()
        self.specification = Specification.from_environment()
        self.calls: list[Call] = []
        self.violations: list[Violation] = []
        """What the bot did wrong."""
        self.own_violations: list[Violation] = []
        """Answers of the stand-in that do not fit the document."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        call = await _read(request)
        self.calls.append(call)
        found = self._route(call)
        self._check_document(call)
        faults = self._faults.take(call.method, call.path)
        await self._delay(faults)
        ending = next((fault for fault in faults if fault.kind in _ENDINGS), None)
        if ending and ending.kind is not Kind.RESET_AFTER:
            return self._fail(request, call, ending)
        grant = self.limits.take(call.method, call.path)
        headers = grant.headers if grant else {}
        if grant and grant.retry_after:
            more = _limit_headers(grant.retry_after, everywhere=grant.everywhere)
            return self._send(call, 429, _limited(grant.retry_after, everywhere=grant.everywhere), headers | more)
        status, body = self._answer(call, found)
        await self._held(faults, Kind.HOLD_AFTER)
        if ending:
            return self._fail(request, call, ending)
        return self._send(call, status, body, headers)

    async def _delay(self, faults: list[Fault]) -> None:
        if delay := self._faults.latency + sum(fault.delay for fault in faults):
            await asyncio.sleep(delay)
        await self._held(faults, Kind.HOLD)

    async def _held(self, faults: list[Fault], kind: Kind) -> None:
        for fault in faults:
            if fault.kind is kind:
                fault.gate.reached.set()
                await fault.gate.opened.wait()

    def _fail(self, request: web.Request, call: Call, fault: Fault) -> web.StreamResponse:
        if fault.kind is not Kind.STATUS:
            reset(request.transport)
            return web.Response()
        if fault.status == 429:
            everywhere = fault.everywhere
            headers = _limit_headers(fault.retry_after, everywhere=everywhere)
            return self._send(call, 429, _limited(fault.retry_after, everywhere=everywhere), headers)
        return self._send(call, fault.status, {"code": fault.code, "message": fault.message})

    def _answer(self, call: Call, found: Route | None) -> Reply:
        try:
            return self._checked_answer(call, found)
        except ApiError as error:
            return error.status, error.json()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._violate(call, f"the body is malformed: {error!r}")
            return 400, errors.invalid_body([repr(error)]).json()

    def _checked_answer(self, call: Call, found: Route | None) -> Reply:
        if found is None:
            self._violate(call, "the stand-in has no such endpoint")
            raise errors.nothing_here()
        if not found.open and call.authorization != f"Bot {self._token}":
            raise errors.unauthorized()
        if problems := list(found.check(call) if found.check else []):
            for problem in problems:
                self._violate(call, problem)
            raise errors.invalid_body(problems)
        status, body = found.handler(call)
        self._check_answer(call, status, body)
        return status, body

    def _route(self, call: Call) -> Route | None:
        for candidate in self._routes:
            if candidate.method == call.method and (match := candidate.pattern.fullmatch(call.path)):
                call.params = match.groupdict()
                return candidate
        return None

    def _check_document(self, call: Call) -> None:
        if self.specification:
            for problem in self.specification.request_problems(call.method, call.path, call.query, call.body):
                self._violate(call, f"OpenAPI: {problem}")

    def _check_answer(self, call: Call, status: int, body: Any) -> None:
        if self.specification:
            problems = self.specification.response_problems(call.method, call.path, status, body)
            self.own_violations += [Violation(call.method, call.path, problem) for problem in problems]

    def _violate(self, call: Call, problem: str) -> None:
        self.violations.append(Violation(call.method, call.path, problem))

    def _send(self, call: Call, status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
        call.status = status
        self._changed()
        if body is None:
            return web.Response(status=status, headers=headers)
        # Clients compare the content type with exactly this.
        typed = {"Content-Type": "application/json", **(headers or {})}
        return web.Response(status=status, body=json.dumps(body).encode(), headers=typed)


def _limited(retry_after: float, *, everywhere: bool = False) -> Json:
    return {
        "message": "You are being rate limited.",
        "retry_after": retry_after,
        "global": everywhere,
        "code": 0,
    }


def _limit_headers(retry_after: float, *, everywhere: bool = False) -> dict[str, str]:
    """Clients take a 429 without `Via` for a ban by the CDN."""
    headers = {"Via": "1.1 google", "Retry-After": str(retry_after)}
    return headers | ({"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"} if everywhere else {})


async def _read(request: web.Request) -> Call:
    body, uploads = await _read_body(request)
    path = request.path.removeprefix(PREFIX)
    return Call(request.method, path, dict(request.query), body, uploads, request.headers.get("Authorization"))


async def _read_body(request: web.Request) -> tuple[Any, dict[int, Upload]]:
    if request.content_type == "multipart/form-data":
        return await _read_form(request)
    raw = await request.read()
    return (json.loads(raw) if raw else None), {}


async def _read_form(request: web.Request) -> tuple[Any, dict[int, Upload]]:
    """`payload_json` and the files, by the number in `files[n]`."""
    body: Any = None
    uploads: dict[int, Upload] = {}
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        assert isinstance(part, BodyPartReader)
        data = bytes(await part.read())
        if part.name == "payload_json":
            body = json.loads(data)
        elif numbered := re.fullmatch(r"files\[(\d+)\]", part.name or ""):
            uploads[int(numbered[1])] = Upload(part.filename or "unnamed", data, part.headers.get("Content-Type", ""))
    return body, uploads
