"""One conversation over its websocket, as the script has it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

from aiohttp import WSMsgType, web

from tests.elevenlabs_standin.keys import Problem
from tests.elevenlabs_standin.script import CallTool, Complete, Correct, Drop, Fail, Pause, Raw, Say, Step
from tests.elevenlabs_standin.spec import specification

_RESULT_S = 120.0


class Conversation:
    """`heard` are the client's frames, `sent` the server's own that fit the documents."""

    def __init__(
        self,
        number: int,
        socket: web.WebSocketResponse,
        request: web.Request,
        turns: deque[Sequence[Step]],
        agent: dict[str, Any],
        problems: list[Problem],
    ) -> None:
        self.id = f"conv_{number:03}"
        self.heard: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self._socket, self._request, self._turns, self._agent, self._problems = socket, request, turns, agent, problems
        self._results: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events = 0
        self._calls = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return not self._socket.closed

    async def run(self, opening: Sequence[Step] | None) -> None:
        """Until either side closes."""
        first = await self._receive()
        if first is None:
            return
        if refusal := self._refusal(first):
            await self._socket.close(code=1008, message=refusal.encode())
            return
        if opening is not None:
            await self._do(opening)
        if not self._socket.closed:
            await self._greet()
        while (frame := await self._receive()) is not None:
            if frame.get("type") == "client_tool_result":
                if waiting := self._results.get(frame["tool_call_id"]):
                    waiting.set_result(frame)
            elif frame.get("type") == "user_message":
                await self._stop()
                self._task = asyncio.create_task(self._do(self._turns.popleft() if self._turns else [Say("Yes?")]))
        await self._stop()

    async def cut(self) -> None:
        """Without a close frame."""
        await self._stop()
        if self._request.transport is not None:
            self._request.transport.abort()

    async def drop(self, code: int) -> None:
        """Close it."""
        await self._socket.close(code=code)

    async def ping(self) -> None:
        """As ElevenLabs does every few seconds."""
        self._events += 1
        await self._send({"type": "ping", "ping_event": {"event_id": self._events}})

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _receive(self) -> dict[str, Any] | None:
        """The next frame; None once the socket is closed, as it is after a frame that does not fit."""
        message = await self._socket.receive()
        if message.type is not WSMsgType.TEXT:
            return None
        frame: dict[str, Any] = json.loads(message.data)
        self.heard.append(frame)
        if problems := specification().from_client(frame):
            self._problems += problems
            await self._socket.close(code=1008, message=b"Invalid message received")
            return None
        return frame

    def _refusal(self, first: dict[str, Any]) -> str:
        """Overrides that the agent does not allow close the socket."""
        overrides = self._agent.get("platform_settings", {}).get("overrides", {})
        allowed: dict[str, Any] = overrides.get("conversation_config_override", {})
        given: dict[str, Any] = first.get("conversation_config_override", {})
        wrong = [
            f"{group}.{name}"
            for group, values in given.items()
            if isinstance(values, dict)
            for name in cast("dict[str, Any]", values)
            if not allowed.get(group, {}).get(name)
        ]
        return f"Override for field {wrong[0]} is not allowed by config." if wrong else ""

    async def _greet(self) -> None:
        formats = {"agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000"}
        event = {"conversation_id": self.id, **formats}
        await self._send({"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": event})

    async def _do(self, steps: Sequence[Step]) -> None:
        with contextlib.suppress(ConnectionError):
            for step in steps:
                await self._step(step)

    async def _step(self, step: Step) -> None:
        if isinstance(step, Say):
            await self._send({"type": "agent_response", "agent_response_event": {"agent_response": step.text}})
        elif isinstance(step, Correct):
            event = {"original_agent_response": step.original, "corrected_agent_response": step.corrected}
            await self._send({"type": "agent_response_correction", "agent_response_correction_event": event})
        elif isinstance(step, Complete):
            await self._socket.send_str(json.dumps({"type": "agent_response_complete"}))
        elif isinstance(step, CallTool):
            await self._call(step)
        elif isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Raw):
            await self._socket.send_str(step.text)
        elif isinstance(step, Fail):
            await self._socket.send_str(json.dumps({"type": "error", "error_event": {"message": step.message}}))
            await self._socket.close(code=1000)
        else:
            await self._close(step)

    async def _close(self, step: Drop) -> None:
        if step.code is not None:
            await self._socket.close(code=step.code)
        elif self._request.transport is not None:
            self._request.transport.abort()

    async def _call(self, step: CallTool) -> None:
        self._calls += 1
        call_id = step.id or f"call_{self.id}_{self._calls}"
        waiting = self._results.setdefault(call_id, asyncio.get_running_loop().create_future())
        call = {"tool_name": step.name, "tool_call_id": call_id, "parameters": step.parameters, "event_id": self._calls}
        await self._send({"type": "client_tool_call", "client_tool_call": call})
        if step.awaited:
            async with asyncio.timeout(_RESULT_S):
                await asyncio.shield(waiting)

    async def _send(self, frame: dict[str, Any]) -> None:
        self._problems += specification().from_server(frame)
        await self._socket.send_str(json.dumps(frame))
        self.sent.append(frame)
