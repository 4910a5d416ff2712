"""Anthropic's SDK on a conversation's socket of the gateway, which adds the key on the VPS. It takes long to import, and memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import anthropic
import httpx2
from anthropic.types import Message, MessageParam, TextBlockParam, ToolParam

from agents.talk import prompt
from agents.talk.errors import Broken, ModelRefused

_PLACEHOLDER = "the-gateway-adds-it"
_TOKENS = 8192
"""Of one answer."""
_RETRIES = 2
"""Of what the API says may be asked again."""
_CONNECT_S, _SILENT_S = 15.0, 120.0
_FORBIDDEN, _NOT_FOUND, _SERVERS, _BUSY = 403, 404, 500, 429


async def answer(socket: str, model: str, messages: list[dict[str, Any]], told: Callable[[str], None]) -> Message:
    """The whole answer, asked for over the UNIX `socket` of that path; `told` has its words as they come.

    Raises ModelRefused, or Broken where the way there did not last.
    """
    async with _client(socket) as client:
        try:
            async with client.messages.stream(
                model=model,
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
