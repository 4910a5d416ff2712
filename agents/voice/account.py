"""The account at ElevenLabs, through its own SDK: agents and client tools as plain JSON.

The SDK's calls block, so each has a thread, and a bound; its typed request models for nested settings refuse what the API takes
(measured with 2.78.0), so those go as plain values.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar, cast

import httpx
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError

from agents.config import Settings
from agents.voice.client import connected
from agents.voice.difference import FoundTool
from agents.voice.errors import VoiceUnavailable
from agents.voice.needs import SETUP

T = TypeVar("T")

_REQUEST_S = 20.0
_CALL_S = 90.0
"""The SDK repeats a request that the server was too busy for."""
_PAGE = 100
_PAGES = 50
_NOT_FOUND = 404
_IN_USE = 409


@contextlib.contextmanager
def opened(settings: Settings) -> Generator[ElevenLabs]:
    """The SDK's client. Raises VoiceOff without a key."""
    with connected(settings, httpx.Timeout(_REQUEST_S)) as client:
        yield client


@contextlib.contextmanager
def opened_account(settings: Settings) -> Generator[Account]:
    """The account of the settings. Raises VoiceOff without a key."""
    with opened(settings) as client:
        yield Account(client)


class Account:
    """What set-up needs of it. Every method raises VoiceUnavailable where ElevenLabs refuses or does not answer."""

    def __init__(self, client: ElevenLabs) -> None:
        self._convai = client.conversational_ai

    async def tools(self) -> list[FoundTool]:
        """Every tool, other people's too."""
        return await _called(self._tools)

    async def create_tool(self, config: Mapping[str, Any]) -> str:
        """Its id."""
        made = await _called(lambda: self._convai.tools.create(request=cast("Any", {"tool_config": dict(config)})))
        return made.id

    async def update_tool(self, tool_id: str, config: Mapping[str, Any]) -> None:
        """As a whole."""
        await _called(lambda: self._convai.tools.update(tool_id, request=cast("Any", {"tool_config": dict(config)})))

    async def delete_tool(self, tool_id: str) -> bool:
        """For good; False where an agent has it, so that it stays."""
        try:
            await _called(lambda: self._convai.tools.delete(tool_id))
        except VoiceUnavailable as error:
            if isinstance(error.__cause__, ApiError) and error.__cause__.status_code == _IN_USE:
                return False
            raise
        return True

    async def is_used(self, tool_id: str) -> bool:
        """Whether any agent has it."""
        return bool((await _called(lambda: self._convai.tools.get_dependent_agents(tool_id))).agents)

    async def agent(self, agent_id: str) -> dict[str, Any] | None:
        """An agent by its id; None if there is none."""
        try:
            found = await _called(lambda: self._convai.agents.get(agent_id))
        except VoiceUnavailable as error:
            if isinstance(error.__cause__, ApiError) and error.__cause__.status_code == _NOT_FOUND:
                return None
            raise
        return found.model_dump(mode="json")

    async def agents(self, name: str) -> list[dict[str, Any]]:
        """Those of that name, in short."""
        return await _called(lambda: self._agents(name))

    async def create_agent(self, config: Mapping[str, Any]) -> str:
        """Its id."""
        made = await _called(lambda: self._convai.agents.create(**dict(config)))
        return made.agent_id

    async def update_agent(self, agent_id: str, config: Mapping[str, Any]) -> None:
        """What is given; the rest stays."""
        await _called(lambda: self._convai.agents.update(agent_id, **dict(config)))

    def _tools(self) -> list[FoundTool]:
        found: list[FoundTool] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            page = self._convai.tools.list(page_size=_PAGE, cursor=cursor)
            found += [FoundTool(each.id, each.tool_config.model_dump(mode="json")) for each in page.tools]
            cursor = page.next_cursor
            if not (page.has_more and cursor):
                break
        return found

    def _agents(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            page = self._convai.agents.list(page_size=_PAGE, search=name, cursor=cursor)
            found += [each.model_dump(mode="json") for each in page.agents if each.name == name]
            cursor = page.next_cursor
            if not (page.has_more and cursor):
                break
        return found


async def _called(call: Callable[[], T]) -> T:
    try:
        async with asyncio.timeout(_CALL_S):
            return await asyncio.to_thread(call)
    except ApiError as error:
        raise refused(error) from error
    except (httpx.HTTPError, TimeoutError) as error:
        remedy = "Try it again later; see ELEVENLABS_BASE_URL if it is set."
        raise VoiceUnavailable("ElevenLabs does not answer.", remedy=remedy) from error


def refused(error: ApiError) -> VoiceUnavailable:
    """What a refusal of the API comes to for a person."""
    if error.status_code in (401, 403):
        remedy = "Check ELEVENLABS_API_KEY; it needs ElevenLabs Agents (write), Speech to Text and Text to Speech."
        return VoiceUnavailable("ElevenLabs refused the key.", remedy=remedy)
    if error.status_code == _NOT_FOUND:
        return VoiceUnavailable("ElevenLabs knows no such agent or tool.", remedy=SETUP)
    if error.status_code == 429:
        return VoiceUnavailable(
            "ElevenLabs takes no more requests now.", remedy="Try it again in a while.", passes=True
        )
    said = _detail(error.body)
    text = f"ElevenLabs answered {error.status_code}{f': {said}' if said else ''}."
    passes = (error.status_code or 500) >= 500
    remedy = (
        "Try it again later." if passes else "It does not take what was sent: update AgentFlow, or mend what it names."
    )
    return VoiceUnavailable(text, remedy=remedy, passes=passes)


def _detail(body: Any) -> str:
    """The message in an error's body, in one line and not too long."""
    detail: Any = cast("Mapping[str, Any]", body).get("detail") if isinstance(body, Mapping) else body
    if isinstance(detail, list):
        detail = "; ".join(map(_wrong_value, cast("list[Any]", detail)))
    elif isinstance(detail, Mapping):
        detail = cast("Mapping[str, Any]", detail).get("message")
    return " ".join(str(detail or "").split())[:200].rstrip(".")


def _wrong_value(error: Any) -> str:
    """One of a validation error's, which names the place in the body."""
    given: Mapping[str, Any] = cast("Mapping[str, Any]", error) if isinstance(error, Mapping) else {}
    place: Any = given.get("loc")
    where = ".".join(map(str, cast("list[Any]", place))) if isinstance(place, list) else "the request"
    return f"{where}: {given.get('msg') or 'not taken'}"
