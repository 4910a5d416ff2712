"""Carries out what the agent calls: by `Tool.invoke` like everything else, each call once, with an answer that comes soon.

Who calls is the person of the conversation; nothing that the model gives says so. What ends work, sends work out, deletes, or opens
something to others waits for the person's button, whatever the model says.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from agents.crew import Crew
from agents.tools.core import Call, Tool
from agents.tools.stakes import Stake
from agents.voice import spoken, wanted
from agents.voice.memory import Carried, Memory
from agents.voice.names import Named
from agents.voice.roster import Roster
from vps.errors import VpsError

log = structlog.get_logger()

SOON_S = 1.8
"""ElevenLabs holds its answer back for a tool's; a person notices a longer silence."""
CONFIRMED = frozenset({Stake.STOPS, Stake.PUSHES, Stake.DELETES, Stake.OPENS})
ASKED = (
    "I asked for confirmation in Discord. Nothing is done before the button is pressed; an update tells how it went."
)
UNDER_WAY = "It is under way. An update tells when it is done."
_TELLING_S = 5.0
"""What telling of the end of this process may take, of the time that systemd and Docker give (10 s at least)."""
_TASK = 120
"""Characters of a task that stand in a question."""
_KEPT = 100
"""Calls that have ended, for one that arrives twice."""
_TOOLS = {tool.name: tool for tool in wanted.voiced()}

Maker = Callable[[str], Awaitable[Call]]
Later = Callable[[str], Awaitable[None]]
"""Tells a person what comes after the answer to a message of theirs; it does not raise."""


@dataclass(slots=True)
class _Errand:
    """A call that is being carried out; `asked` is set while a person is asked."""

    tool: str
    later: Later | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[str] | None = None
    is_late: bool = False
    """Whether its end is going to be told."""


class Calls:
    """Those of one conversation, over all its sessions. `push` is told of what ends later."""

    def __init__(self, crew: Crew, roster: Roster, memory: Memory, push: Callable[[str], Awaitable[None]]) -> None:
        self._crew, self._roster, self._memory, self._push = crew, roster, memory, push
        self._errands: dict[str, _Errand] = {}
        self._later: set[asyncio.Task[None]] = set()

    async def answer(
        self, session: str, tool: str, given: Mapping[str, Any], make: Maker, later: Later | None = None
    ) -> str:
        """What to answer the agent with, within about two seconds, and never empty. The same id again is the same call.

        `later` is told of an end that comes after that.
        """
        raw = dict(given)
        call_id = str(raw.pop("tool_call_id", ""))
        name = identity(session, call_id)
        errand = self._errands.get(name)
        if errand is None:
            self._forget()
            errand = self._errands[name] = _Errand(tool, later)
            self._memory.called(name, Carried(tool))
            errand.task = asyncio.create_task(self._done(name, errand, call_id, raw, make), name=f"voice {tool}")
        assert errand.task is not None
        return await self._soon(errand.task, errand)

    async def close(self, stopping: str = "") -> None:
        """Leave what is under way; who waits for it is told `stopping`, where there is any."""
        under_way = [each for each in self._errands.values() if each.task and not each.task.done()]
        waiting = {each.later for each in under_way if each.later and each.is_late}
        tasks: list[asyncio.Task[Any]] = [each.task for each in under_way if each.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        telling: list[asyncio.Task[Any]] = [*self._later]
        if stopping:
            telling += [asyncio.ensure_future(later(stopping)) for later in waiting]
        if telling:
            await asyncio.wait(telling, timeout=_TELLING_S)
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return any(each.task and not each.task.done() for each in self._errands.values())

    def _forget(self) -> None:
        """A repetition comes soon or never."""
        over = [name for name, each in self._errands.items() if each.task and each.task.done()]
        for name in over[: max(0, len(over) - _KEPT)]:
            del self._errands[name]

    async def _soon(self, task: asyncio.Task[str], errand: _Errand) -> str:
        asked = asyncio.create_task(errand.asked.wait())
        try:
            await asyncio.wait({task, asked}, timeout=SOON_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        if task.done():
            return task.result()
        if not errand.is_late:
            errand.is_late = True
            self._tell_later(task, errand)
        return ASKED if errand.asked.is_set() else UNDER_WAY

    def _tell_later(self, task: asyncio.Task[str], errand: _Errand) -> None:
        later = asyncio.create_task(self._told(task, errand), name=f"voice end of {errand.tool}")
        self._later.add(later)
        later.add_done_callback(self._later.discard)

    async def _told(self, task: asyncio.Task[str], errand: _Errand) -> None:
        await asyncio.wait({task})
        if task.cancelled():
            return
        told = end_of(errand.tool, task.result())
        await self._push(told)
        if errand.later is not None:
            await errand.later(self._crew.mask.text(told))

    async def _done(self, name: str, errand: _Errand, call_id: str, raw: dict[str, Any], make: Maker) -> str:
        said = await self._carried_out(name, errand, call_id, raw, make)
        self._memory.called(name, Carried(errand.tool, said))
        return said

    async def _carried_out(self, name: str, errand: _Errand, call_id: str, raw: dict[str, Any], make: Maker) -> str:
        try:
            return await self._invoked(_TOOLS[errand.tool], raw, _asking(await make(call_id), name, errand))
        except VpsError as error:
            return self._crew.mask.text(f"That did not work. {spoken.trouble(error, self._roster.roll)}")
        except Exception:  # noqa: BLE001  the agent must not wait for ever; it is logged with its trace
            await log.aexception("call of the voice agent failed", tool=errand.tool)
            return "That did not work: something went wrong in AgentFlow. Its log tells what."

    async def _invoked(self, tool: Tool[Any, Any], raw: dict[str, Any], call: Call) -> str:
        given = await self._meant(tool, raw, call)
        call = self._telling_whom(call, given)
        output = await tool.invoke(self._crew, given, call)
        self._roster.note(output, given)
        if output_needs_names(tool) and not self._roster.roll:
            await self._roster.look(call)
        return spoken.spoken(output, self._roster.roll)

    def _telling_whom(self, call: Call, given: Mapping[str, Any]) -> Call:
        """The question begins with the agent that it is about: its id tells a person nothing."""
        named, asks = self._roster.roll.get(str(given.get("container_id", ""))), call.confirm
        if named is None or asks is None:
            return call
        about = self._crew.mask.text(_introduced(named))

        async def confirm(question: str) -> bool:
            return await asks(f"{about}\n{question}")

        return replace(call, confirm=confirm)

    async def _meant(self, tool: Tool[Any, Any], raw: dict[str, Any], call: Call) -> dict[str, Any]:
        """A refusal leaves its line in the audit like any other; without the right, `invoke` is what refuses."""
        if tool.right not in call.rights:
            return raw
        try:
            return await self._roster.meant(tool, raw, call)
        except VpsError as error:
            await tool.refuse(self._crew, raw, call, error)


def output_needs_names(tool: Tool[Any, Any]) -> bool:
    """Whether its answer tells of agents."""
    return "container_id" in tool.output.model_fields or "agent" in tool.output.model_fields


def end_of(tool: str, said: str) -> str:
    """What a call came to, for those who did not wait for it."""
    return f"{tool.replace('_', ' ')}: {said}"


def _introduced(named: Named) -> str:
    """An agent's name aloud, and the start of its task."""
    name, task = f"{named.spoken[:1].upper()}{named.spoken[1:]}", " ".join(named.task.split())
    return f"{name}: {task if len(task) <= _TASK else f'{task[: _TASK - 1]}…'}" if task else f"{name}."


def identity(session: str, call_id: str) -> str:
    """A call's id over all conversations; ElevenLabs' own say nothing and may be longer than ours may."""
    return hashlib.sha256(f"{session}\0{call_id}".encode("utf-8", "surrogatepass")).hexdigest()


def _asking(call: Call, name: str, errand: _Errand) -> Call:
    """The call with a button for what a person has to agree to, telling when it is asked."""
    asks = call.confirm

    async def confirm(question: str) -> bool:
        assert asks is not None
        errand.asked.set()
        return await asks(question)

    confirmed = call.confirmed | CONFIRMED
    return replace(call, id=name, confirmed=confirmed, confirm=confirm if asks else None, in_full=True)
