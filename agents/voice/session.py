"""One session with the ElevenLabs agent over the SDK, in text mode. It ends when the connection does; `talk.py` makes the next."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import httpx
import structlog
from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import (
    AsyncConversation,
    ClientTools,
    ConversationInitiationData,
    DisconnectionDetails,
)
from elevenlabs.core.api_error import ApiError
from websockets.exceptions import ConnectionClosed, WebSocketException

from agents.voice.account import SETUP, refused
from agents.voice.errors import VoiceUnavailable

log = structlog.get_logger()

_OPENING_S = 20.0
_SENDING_S = 10.0
_CLOSING_S = 5.0
_ERRORS = ("error", "client_error")
_BAD_POLICY = 1008
_NUMBERS = itertools.count(1)

Kind = Literal["said", "corrected", "complete", "calling", "answered", "activity", "ended"]


@dataclass(frozen=True, slots=True)
class Heard:
    """Something of the session: `text` is what the agent said, or why it ended; `before` what a correction replaces; `call` tells
    one call of a tool from another.
    """

    kind: Kind
    text: str = ""
    before: str = ""
    call: int = 0


class _Watched(AsyncConversation):
    """Sees every message, as the SDK drops errors and the end of an answer without a word, and outlives what it cannot read."""

    watcher: Callable[[dict[str, Any]], None]

    async def _handle_message(self, message: Any, ws: Any) -> None:
        try:
            self.watcher(message)
            await super()._handle_message(message, ws)  # pyright: ignore[reportUnknownMemberType]  the SDK leaves it untyped
        except ConnectionClosed:
            raise
        except Exception as error:  # noqa: BLE001  one frame that cannot be read is no reason to lose the conversation
            await log.awarning("message of ElevenLabs not understood", error=type(error).__name__)


class Session:
    """Opened once. `hear` is told of everything and does not raise; `tool` answers a call."""

    def __init__(
        self,
        client: ElevenLabs,
        agent_id: str,
        tools: Sequence[str],
        tool: Callable[[Session, str, Mapping[str, Any]], Awaitable[str]],
        hear: Callable[[Heard], None],
    ) -> None:
        self._hear, self._tool = hear, tool
        self._known = asyncio.Event()
        self._trouble = ""
        self._details: DisconnectionDetails | None = None
        self.id = ""
        """ElevenLabs' own id of the conversation."""
        self._end: asyncio.Task[None] | None = None
        self._conversation = _Watched(
            client,
            agent_id,
            requires_auth=True,
            # The SDK's own switch for text stands beside the group that the API documents it in.
            config=ConversationInitiationData(conversation_config_override={"conversation": {"text_only": True}}),
            client_tools=self._registered(tools),
            callback_agent_response=self._on_response,
            callback_agent_response_correction=self._on_correction,
            callback_disconnect=self._on_end,
        )
        self._conversation.watcher = self._watch

    @property
    def is_open(self) -> bool:
        """Whether it can be talked to."""
        return self._known.is_set() and self._details is None

    @property
    def why(self) -> str:
        """Why it ended, in words."""
        details = self._details
        reason = self._trouble or (details.close_reason or "" if details else "")
        # The SDK's own words for other errors may hold the signed address.
        said = " ".join(reason.split())[:200].rstrip(".") or "the connection was lost"
        return said + (f" (close code {details.close_code})" if details and details.close_code else "")

    async def open(self) -> None:
        """Until the agent is there. Raises VoiceUnavailable."""
        try:
            async with asyncio.timeout(_OPENING_S):
                await self._conversation.start_session()
                self._end = asyncio.create_task(self._ended(), name="voice session")
                await self._known.wait()
        except ApiError as error:
            raise refused(error) from error
        except (httpx.HTTPError, OSError) as error:  # a timeout is one
            remedy = "Try it again later; see ELEVENLABS_BASE_URL if it is set."
            raise VoiceUnavailable("ElevenLabs does not answer.", remedy=remedy, passes=True) from error
        if self._details is not None:
            remedy = SETUP if self._details.close_code == _BAD_POLICY else "Try it again later."
            raise VoiceUnavailable(f"ElevenLabs ended the session: {self.why}.", remedy=remedy, passes=True)

    async def say(self, text: str) -> None:
        """The person's words. Raises VoiceUnavailable where the connection is gone."""
        await self._send(self._conversation.send_user_message(text))

    async def tell(self, text: str) -> None:
        """News, to which the agent need not answer. Raises VoiceUnavailable where the connection is gone."""
        await self._send(self._conversation.send_contextual_update(text))

    async def close(self) -> None:
        """End it, if it has not ended."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CLOSING_S):
                await self._conversation.end_session()
        if self._end is not None:
            done, _ = await asyncio.wait({self._end}, timeout=_CLOSING_S)
            if not done:
                self._end.cancel()
            await asyncio.gather(self._end, return_exceptions=True)

    async def _send(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(_SENDING_S):
                await sending
        except (RuntimeError, WebSocketException, OSError) as error:
            raise VoiceUnavailable(
                "The connection to ElevenLabs is gone.", remedy="Say it again.", passes=True
            ) from error

    async def _ended(self) -> None:
        """Its end was told to `_on_end` already; here the SDK's task is awaited, which raises once more."""
        with contextlib.suppress(Exception):
            await self._conversation.wait_for_session_end()

    def _registered(self, tools: Sequence[str]) -> ClientTools:
        """One for each session: after its shutdown the SDK's object is of no use."""
        made = ClientTools(loop=asyncio.get_running_loop())
        for name in tools:
            made.register(name, self._handler(name), is_async=True)  # pyright: ignore[reportUnknownMemberType]  its dict is bare
        return made

    def _handler(self, name: str) -> Callable[[dict[str, Any]], Awaitable[str]]:
        async def handle(parameters: dict[str, Any]) -> str:
            number = next(_NUMBERS)
            self._hear(Heard("calling", call=number))
            try:
                return await self._tool(self, name, parameters)
            finally:
                self._hear(Heard("answered", call=number))

        return handle

    async def _on_response(self, text: str) -> None:
        self._hear(Heard("said", text))

    async def _on_correction(self, before: str, text: str) -> None:
        self._hear(Heard("corrected", text, before))

    async def _on_end(self, details: DisconnectionDetails) -> None:
        self._details = details
        self._known.set()
        self._hear(Heard("ended", self.why))

    def _watch(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "conversation_initiation_metadata":
            self.id = str(message["conversation_initiation_metadata_event"]["conversation_id"])
            self._known.set()
        elif kind == "client_tool_call":
            # A model that gives one in its parameters would answer another call than its own.
            message["client_tool_call"].get("parameters", {}).pop("tool_call_id", None)
        elif kind in _ERRORS:
            self._trouble = _message(message)
        elif kind == "agent_response_complete":
            self._hear(Heard("complete"))
        if kind != "ping":
            self._hear(Heard("activity"))


def _message(event: Mapping[str, Any]) -> str:
    """The words of an error event, wherever they stand in it."""
    for value in event.values():
        if isinstance(value, Mapping):
            inside = cast("Mapping[str, Any]", value)
            return str(inside.get("message") or inside.get("reason") or inside.get("error_type") or "an error")
    return str(event.get("message") or "an error")
