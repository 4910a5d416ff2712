"""Carries out what an agent asks for from inside its container, as its run's log tells it: each call once, its result by the
inbox.

Who calls is whose log it is. A call that was not answered yet when a bot went away is carried out by the next one: a child's name
is made of the call's id, as a message's is, so nothing is done twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from dataclasses import replace
from typing import Any, Protocol

import structlog

from agents.crew import Crew
from agents.rights import Right
from agents.tools import children
from agents.tools.child_shapes import SpawnChildOutput
from agents.tools.core import Announced, Call, Tool
from vps.errors import BadInput, DiskFull, HostError, VpsError
from vps.events.types import AgentCall, AgentCalled, Event, Supervisor
from vps.models import Origin, RunRecord
from vps.run import short

log = structlog.get_logger()

_AGAIN_S, _LONGEST_S = 1.0, 30.0
_SAYING_S = 15.0
_LONGEST = 60_000
"""Characters of a result."""
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_TOOLS = {tool.name: tool for tool in children.TOOLS}
_CROWDING = frozenset({children.SPAWN_CHILD.name, children.SEND_CHILD.name})
"""Those that set one more child to work."""


class Means(Protocol):
    """What it takes of whoever shows runs to people."""

    async def rights(self, origin: Origin) -> frozenset[Right]:
        """What the person behind it may do by now."""
        ...

    async def announce(self, record: RunRecord) -> Announced | None:
        """The place where a run is going to be shown, if there is one."""
        ...


class Errands:
    """Those of one run. A log of which `known` bytes were there already is read that far before anything is done."""

    def __init__(self, crew: Crew, record: RunRecord, means: Means, known: int) -> None:
        self._crew, self._record, self._means, self._known = crew, record, means, known
        self._open: dict[str, AgentCall] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()

    def feed(self, event: Event) -> None:
        """What the log tells next."""
        if isinstance(event, AgentCall):
            self._open[event.id] = event
        elif isinstance(event, AgentCalled):
            self._drop(event.id)
        elif isinstance(event, Supervisor) and event.subtype in ("started", "ended"):
            for each in list(self._open):
                self._drop(each)

    def read(self, end: int) -> None:
        """The log was read up to there: begin with what is open."""
        if end >= self._known:
            for each, call in self._open.items():
                if each not in self._tasks:
                    self._tasks[each] = asyncio.create_task(self._insist(call), name=f"{call.tool} {each}")

    async def close(self) -> None:
        """Leave what is under way; whoever comes next goes on with it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self, call_id: str) -> None:
        """Nobody waits for it any more."""
        self._open.pop(call_id, None)
        if task := self._tasks.pop(call_id, None):
            task.cancel()

    async def _insist(self, call: AgentCall) -> None:
        """Until it is answered: the VPS may be away for a while, or its disk full."""
        wait, result = _AGAIN_S, None
        while True:
            try:
                result = result or await self._result(call)
                await self._tell(call.id, result)
            except (HostError, DiskFull) as error:
                await log.awarning("call of an agent waits", tool=call.tool, error=str(error), again_in_s=wait)
            else:
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_S)

    async def _result(self, call: AgentCall) -> dict[str, Any]:
        try:
            output = await self._done(call)
        except HostError:
            raise
        except VpsError as error:
            return {"ok": False, "text": self._crew.mask.text(str(error))[:_LONGEST]}
        except Exception:  # noqa: BLE001  the agent must not wait for ever; it is logged with its trace
            await log.aexception("call of an agent failed", tool=call.tool)
            return {"ok": False, "text": "Something went wrong with that. Try it once more, then go on without it."}
        told = {"child": output.child, "thread": output.thread} if isinstance(output, SpawnChildOutput) else {}
        return {"ok": True, "text": output.summary()[:_LONGEST], **told}

    async def _done(self, call: AgentCall) -> Any:
        tool: Tool[Any, Any] = _TOOLS.get(call.tool) or replace(children.UNKNOWN, name=call.tool)
        means, record = self._means, self._record
        made = Call(
            _origin(record),
            await means.rights(record.origin),
            id=call.id,
            run=run_of(record.name, call),
            agent=record,
            announce=means.announce,
        )
        if call.wrong:
            await tool.refuse(self._crew, {}, made, BadInput("call", call.wrong))
        # Of two that came at once each would find the room that is there for one.
        async with self._one_at_a_time if tool.name in _CROWDING else contextlib.nullcontext():
            return await tool.invoke(self._crew, call.arguments, made)

    async def _tell(self, call_id: str, result: dict[str, Any]) -> None:
        """Once: the host knows it by its id. One that has ended waits for nothing."""
        order = {"type": "agentflow", "op": "result", "uuid": f"result-{call_id}", "id": call_id, "result": result}
        request = {"name": self._record.name, "id": order["uuid"], "line": json.dumps(order)}
        await self._crew.relay.ask("say", request, timeout=_SAYING_S)


def _origin(record: RunRecord) -> Origin:
    """The agent, for the person whose work it is."""
    own = {"caller": f"agent:{record.name}", "caller_name": f"agent {short(record.name)}", "surface": "agent"}
    return record.origin.model_copy(update={**own, "behalf": record.origin.person})


def run_of(parent: str, call: AgentCall) -> str:
    """The run that a call makes, if it makes one: the same for the same call."""
    number = int.from_bytes(hashlib.sha256(f"{parent} {call.id}".encode()).digest()[:8], "big")
    signs = "".join(_ALPHABET[number // len(_ALPHABET) ** place % len(_ALPHABET)] for place in range(6))
    return f"claude-agent-{round(call.at * 1000)}-{signs}"
