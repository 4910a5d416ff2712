"""The way to the model: Anthropic's SDK on a conversation's socket of the gateway, which adds the key on the VPS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import anthropic
import httpx2
import structlog
from anthropic.types import Message, MessageParam, TextBlockParam, ToolParam

from agents.config import Settings, SettingsError
from agents.crew import Crew, Progress
from agents.talk import prompt
from vps import talks
from vps.errors import HostError, HostUnreachable, VpsError
from vps.image import State

log = structlog.get_logger()

_PLACEHOLDER = "the-gateway-adds-it"
_TOKENS = 8192
"""Of one answer."""
_RETRIES = 2
"""By the SDK itself: of what the API says may be asked again."""
_TRIES = 3
"""By us: where the connection to the VPS broke."""
_BACK_S, _AGAIN_S = 60.0, 1.0
_CONNECT_S, _SILENT_S, _LONGEST_S = 15.0, 120.0, 600.0
_FORBIDDEN, _NOT_FOUND, _SERVERS, _BUSY = 403, 404, 500, 429


class ModelRefused(VpsError):
    """The model's API, or the gateway before it, would not answer."""


class Broken(Exception):
    """The way there broke."""


def require_key(settings: Settings) -> None:
    """Raises SettingsError where nobody can talk: there is no credential, or one for Claude Code alone."""
    settings.require_credential()
    if settings.ANTHROPIC_API_KEY is None:
        remedy = "Set ANTHROPIC_API_KEY; commands and agents work without."
        raise SettingsError("Talking to me is off: a subscription's token is for Claude Code alone.", remedy=remedy)


class Model:
    """Asks for one turn of a conversation; `path` is that of its socket on the VPS."""

    def __init__(self, crew: Crew, path: str) -> None:
        self._crew, self._path = crew, path

    async def answer(
        self, messages: list[dict[str, Any]], told: Callable[[str], None], again: Callable[[], None]
    ) -> Message:
        """The whole answer; `told` has its words as they come, and `again` that they come anew.

        Raises ModelRefused, or HostError where the connection to the VPS does not last.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                async with asyncio.timeout(_LONGEST_S):
                    return await self._asked(messages, told)
            except (Broken, HostError, TimeoutError) as error:
                await log.awarning("the model's answer broke off", error=str(error), attempt=attempt)
                again()
                if attempt == _TRIES:
                    raise _lasting(error) from error
            await self._back()
        raise AssertionError

    async def _back(self) -> None:
        """Until there is a connection again, or for a while."""
        await asyncio.sleep(_AGAIN_S)
        try:
            async with asyncio.timeout(_BACK_S):
                await self._crew.host.up.wait()
        except TimeoutError:
            return

    async def _asked(self, messages: list[dict[str, Any]], told: Callable[[str], None]) -> Message:
        # One way for each answer: what was opened for a whole turn would be gone after a lost connection.
        async with self._crew.host.socket(self._path) as here, _client(here) as client:
            try:
                async with client.messages.stream(
                    model=self._crew.settings.AGENTFLOW_TALK_MODEL,
                    max_tokens=_TOKENS,
                    system=cast("list[TextBlockParam]", prompt.system()),
                    tools=cast("list[ToolParam]", prompt.tools()),
                    messages=cast("list[MessageParam]", messages),
                ) as stream:
                    async for event in stream:
                        if event.type == "text":
                            told(event.text)
                    return await stream.get_final_message()
            except anthropic.APIStatusError as error:
                raise _refusal(error) from error
            except (anthropic.APIError, httpx2.HTTPError, json.JSONDecodeError, OSError) as error:
                raise Broken(f"{type(error).__name__}: {error}") from error


def _lasting(error: Exception) -> VpsError:
    if isinstance(error, VpsError):
        return error
    return HostUnreachable(
        "The way to the model broke off again and again.", remedy="See `agentflow doctor`, then ask again."
    )


def _client(socket: str) -> anthropic.AsyncAnthropic:
    transport = httpx2.AsyncHTTPTransport(uds=socket)
    timeout = httpx2.Timeout(_SILENT_S, connect=_CONNECT_S)
    http = httpx2.AsyncClient(transport=transport, trust_env=False, timeout=timeout)
    return anthropic.AsyncAnthropic(
        api_key=_PLACEHOLDER, base_url="http://localhost", http_client=http, max_retries=_RETRIES, timeout=timeout
    )


def _refusal(error: anthropic.APIStatusError) -> Exception:
    status, said = error.status_code, _said(error)
    if status < 400:
        return Broken(said)  # told in the middle of a stream that had begun well
    if status == _FORBIDDEN:
        return ModelRefused(said)
    if status == _NOT_FOUND:
        return ModelRefused(f"The model's API answered 404: {said}.", remedy="See AGENTFLOW_TALK_MODEL.")
    if status >= _SERVERS or status == _BUSY:
        return ModelRefused(f"The model cannot answer now ({status}: {said}).", remedy="Ask again in a while.")
    return ModelRefused(f"The model's API answered {status}: {said}.", remedy="Begin anew with the single word `new`.")


def _said(error: anthropic.APIStatusError) -> str:
    """The API's own words."""
    body = error.body
    found: Any = cast("dict[str, Any]", body).get("error", body) if isinstance(body, dict) else None
    words = str(cast("dict[str, Any]", found).get("message", "")) if isinstance(found, dict) else ""
    return words or error.message


@asynccontextmanager
async def opened(crew: Crew, name: str, person: str, progress: Progress) -> AsyncGenerator[Model]:
    """The model for one turn of the conversation of that name, which `person` pays for.

    Raises SettingsError, BadInput or HostError, with the remedy.
    """
    require_key(crew.settings)
    if not await crew.gateway.is_current():
        if await crew.image.state() is not State.CURRENT:
            await crew.image.ensure(progress)
        await crew.gateway.ensure(progress)
    async with talks.admitted(crew.relay, name, person, crew.settings.AGENTFLOW_TALK_BUDGET) as path:
        yield Model(crew, path)
