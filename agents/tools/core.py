"""What a tool is, and the one path every call takes: permit, validate, claim, confirm, bound, run, audit."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from agents import audit
from agents.attachments import Attachment
from agents.crew import Crew
from agents.rights import Right
from agents.tools import confirmation, once
from agents.tools.confirmation import ConfirmationRequired, NotConfirmed
from agents.tools.stakes import NOTHING, Stakes, question
from vps.errors import BadInput, HostTimeout, VpsError
from vps.models import Origin, RunRecord

__all__ = ["Announced", "Call", "ConfirmationRequired", "Input", "NotConfirmed", "NotPermitted", "Output", "Tool"]

_OUTCOME = 300
"""Characters of an error that go into the audit line."""
_ASKING_S = 900.0
"""What a person's yes may take on top of the work itself: more than any surface waits for one."""


class NotPermitted(VpsError, PermissionError):
    """The caller lacks the tool's right."""


class Input(BaseModel):
    """A tool's parameters. Unknown ones are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Output(BaseModel):
    """A tool's answer."""

    model_config = ConfigDict(frozen=True)

    def summary(self) -> str:
        """One or a few lines for a person."""
        raise NotImplementedError


async def _silent(_text: str) -> None:
    return None


class Announced(Protocol):
    """A place where a run is going to be shown."""

    @property
    def thread_id(self) -> int:
        """Of the thread."""
        ...

    async def failed(self, why: str) -> None:
        """There will be no such run."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, through what.

    `progress` is told of long work in a line each; `confirm` asks the person for a yes, where there is one to ask. Calls of one
    caller with the same `id` are one call, however often it arrives. `run` names the run that a spawn makes: there is one of a
    name, so whoever asks again goes on with the one there is. `agent` is the run whose agent calls, and `announce` makes the place
    where a run is going to be shown, where there is one. `confirmed` is what a person has to say yes to besides, because a model
    calls for them; `in_full` tells that they can be shown a question of any length.
    """

    origin: Origin
    rights: frozenset[Right]
    progress: Callable[[str], Awaitable[None]] = field(default=_silent)
    confirm: Callable[[str], Awaitable[bool]] | None = None
    id: str | None = None
    run: str | None = None
    agent: RunRecord | None = None
    announce: Callable[[RunRecord], Awaitable[Announced | None]] | None = None
    confirmed: Stakes = NOTHING
    in_full: bool = False


@dataclass(slots=True)
class _Noted:
    """What the audit line will say of the call."""

    outcome: str = "ok"


In = TypeVar("In", bound=Input)
Out = TypeVar("Out", bound=Output)


@dataclass(frozen=True, slots=True)
class Tool(Generic[In, Out]):
    """One tool of the contract. `verb` is its short name for people, in one word or two: `/spawn`, `agentflow workspace clone`.

    `confirm` gives the question a person has to say yes to before it is done; None where there is none to ask. It raises VpsError
    for what would be refused after the yes. `stakes` tells what is at stake with these parameters. Where that has to be confirmed,
    `subject` binds them to what they mean now, and tells of that what a person has to see. `restrict` raises NotPermitted
    for parameters that take more than `right`. `reads` marks one that changes nothing although it takes more than the right to
    view. `is_once` marks one whose handler does calls of one id once by itself.
    """

    name: str
    verb: str
    description: str
    right: Right
    input: type[In]
    output: type[Out]
    handler: Callable[[Crew, In, Call], Awaitable[Out]]
    timeout_s: float = 60.0
    confirm: Callable[[Crew, In], Awaitable[str | None]] | None = None
    stakes: Callable[[In], Stakes] | None = None
    subject: Callable[[Crew, In], Awaitable[tuple[In, Mapping[str, str]]]] | None = None
    restrict: Callable[[In, frozenset[Right]], None] | None = None
    reads: bool = False
    is_once: bool = False

    @property
    def changes(self) -> bool:
        """Whether doing it twice is something else than doing it once."""
        return self.right is not Right.VIEW and not self.reads

    @property
    def unseen(self) -> tuple[str, ...]:
        """The parameters that must not stand in a command: a form or stdin asks for them."""
        return tuple(name for name, field in self.input.model_fields.items() if field.annotation is SecretStr)

    @property
    def attached(self) -> tuple[str, ...]:
        """The parameters that are files: a surface reads them where it has them."""
        return tuple(
            name for name, field in self.input.model_fields.items() if field.annotation == tuple[Attachment, ...]
        )

    @property
    def seen(self) -> dict[str, FieldInfo]:
        """The others."""
        aside = {*self.unseen, *self.attached}
        return {name: field for name, field in self.input.model_fields.items() if name not in aside}

    async def invoke(self, crew: Crew, raw: Mapping[str, Any], call: Call) -> Out:
        """Run it; what it answers, asks and tells meanwhile is masked.

        Raises VpsError for everything the caller can do something about.
        """
        call = _masked_call(crew, call)
        async with self._audited(crew, raw, call) as noted:
            given = self._permitted(raw, call)
            if call.id is None or self.is_once or not self.changes:
                return await self._confirmed_and_done(crew, given, call)
            output, repeated = await once.once(
                crew,
                once.key(call.origin.caller, call.id),
                await asyncio.to_thread(once.digest, self.name, given),  # of files too
                self.timeout_s + _ASKING_S,
                self.output,
                lambda: self._confirmed_and_done(crew, given, call),
            )
            noted.outcome = "ok, as answered before" if repeated else "ok"
            return output

    async def check(self, crew: Crew, raw: Mapping[str, Any], call: Call) -> None:
        """Refuse what `invoke` would refuse at once, for a surface that shows something before it invokes."""
        try:
            self._permitted(raw, call)
        except VpsError as error:
            await self.refuse(crew, raw, call, error)

    async def refuse(self, crew: Crew, raw: Mapping[str, Any], call: Call, error: VpsError) -> NoReturn:
        """Raise `error`, for which a surface cannot invoke it; the call leaves its audit line like any other."""
        async with self._audited(crew, raw, call):
            raise error from error.__cause__
        raise AssertionError

    @contextlib.asynccontextmanager
    async def _audited(self, crew: Crew, raw: Mapping[str, Any], call: Call) -> AsyncGenerator[_Noted]:
        at, started, noted = time.time(), time.monotonic(), _Noted()
        try:
            yield noted
        except VpsError as error:
            noted.outcome = f"{type(error).__name__}: {error}"
            raise
        except BaseException as error:
            noted.outcome = type(error).__name__
            raise
        finally:
            ms = round((time.monotonic() - started) * 1000)
            told = crew.mask.text(noted.outcome)[:_OUTCOME]
            line = audit.entry(call.origin, self.name, raw, told, at=at, ms=ms, mask=crew.mask)
            # Also when the caller was cancelled: what was done stays done.
            await asyncio.shield(audit.note(crew.relay, line))

    def _permitted(self, raw: Mapping[str, Any], call: Call) -> In:
        self.permit(call.rights)
        given = self.parse(raw)
        if self.restrict is not None:
            self.restrict(given, call.rights)
        return given

    def permit(self, rights: frozenset[Right]) -> None:
        """Raises NotPermitted unless the caller has the tool's right."""
        permit(self.verb, self.right, rights)

    def at_stake(self, given: In) -> Stakes:
        """What it may cost its person to do this."""
        return self.stakes(given) if self.stakes else NOTHING

    def parse(self, raw: Mapping[str, Any]) -> In:
        """The typed parameters. Raises BadInput, naming the first wrong one."""
        return parsed(self.input, raw)

    async def _confirmed_and_done(self, crew: Crew, given: In, call: Call) -> Out:
        asked = await self.confirm(crew, given) if self.confirm else None
        if self.at_stake(given) & call.confirmed:
            given, about = await self.subject(crew, given) if self.subject else (given, dict[str, str]())
            asked = question(self.description, given, crew.mask, about=about, told=asked or "", in_full=call.in_full)
        if asked is not None:
            await self._confirmed(crew, given, call, asked)
        return await self._bounded(crew, given, call)

    async def _confirmed(self, crew: Crew, given: In, call: Call, asked: str) -> None:
        if call.confirm is None:
            arguments = once.digest(self.name, given)
            await confirmation.require(
                crew, call.origin, tool=self.name, right=self.right, arguments=arguments, question=asked
            )
        elif not await call.confirm(asked):
            raise NotConfirmed

    def _masked(self, crew: Crew, output: Out) -> Out:
        """The one place that all answers pass, whatever the tool took care of."""
        plain = output.model_dump(mode="json")
        masked = crew.mask.json(plain)
        return output if masked == plain else self.output.model_validate(masked)

    async def _bounded(self, crew: Crew, given: In, call: Call) -> Out:
        try:
            async with asyncio.timeout(self.timeout_s):
                return self._masked(crew, await self.handler(crew, given, call))
        except VpsError:
            raise
        except TimeoutError as error:
            raise HostTimeout(
                f"`{self.verb}` took more than {self.timeout_s:.0f} s.", remedy="Try it again."
            ) from error


def permit(verb: str, right: Right, rights: frozenset[Right]) -> None:
    """Raises NotPermitted unless the right that it takes is among `rights`."""
    if right not in rights:
        remedy = "Ask whoever runs this bot to allow you (DISCORD_RIGHTS, DISCORD_ALLOWED_USER_IDS, DISCORD_ALLOWED_ROLE_IDS)."
        raise NotPermitted(f"You may not use `{verb}`: it takes the right to {right}.", remedy=remedy)


def parsed(model: type[In], raw: Mapping[str, Any]) -> In:
    """Typed parameters. Raises BadInput, naming the first wrong one."""
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        raise _bad_input(error, model) from error


def _masked_call(crew: Crew, call: Call) -> Call:
    async def progress(text: str) -> None:
        await call.progress(crew.mask.text(text))

    async def confirm(question: str) -> bool:
        assert call.confirm is not None
        return await call.confirm(crew.mask.text(question))

    return replace(call, progress=progress, confirm=call.confirm and confirm)


def _bad_input(error: ValidationError, model: type[Input]) -> BadInput:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "input"
    if first["type"] == "extra_forbidden":
        return BadInput(name, "is not an option.", remedy=f"The options are {', '.join(model.model_fields)}.")
    if first["type"] == "missing":
        return BadInput(name, "is required.", remedy=f"Give {name}.")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, BadInput):
        return cause
    message = first["msg"].removeprefix("Value error, ")
    described = model.model_fields.get(name)
    return BadInput(
        name, f"{message}.", remedy=f"It is: {described.description}." if described and described.description else ""
    )
