"""One turn of a conversation: the model is asked, what it calls is done, until it has answered or a limit is reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import structlog

from agents.attachments import Attachment
from agents.crew import Crew
from agents.rights import Right
from agents.talk import memory, prompt
from agents.tools.confirmation import NotConfirmed
from agents.tools.core import Call, Output, Tool
from agents.tools.stakes import Stake, question
from agents.tools.workspaces import CLONE, DiffOutput
from vps.errors import BadInput, VpsError
from vps.proxy import prices

if TYPE_CHECKING:
    from anthropic.types import Message, ToolUseBlock

log = structlog.get_logger()

CONFIRMED = frozenset({Stake.SPENDS, Stake.PUSHES, Stake.DELETES, Stake.OPENS})
"""What a person says yes to, whatever the model says."""
MOST_CALLS = 64
"""Tool calls for one message."""
_DECLINED = "The person declined this. Do not do it by another way."
_TOO_MANY = f"Not done: {MOST_CALLS} calls are the limit for one message."
_FAILED = "Something went wrong with that. Try it once more, then go on without it."
_ENDS: Mapping[str, str] = {
    "refusal": "The model declined to answer this.",
    "max_tokens": "The answer was cut where it was at its longest. Write on to have the rest.",
    "model_context_window_exceeded": "The conversation is too long for the model. Begin anew with the single word `new`.",
}

How = Literal["done", "failed", "declined"]
Confirm = Callable[[str], Awaitable[bool]]
Rights = Callable[[], Awaitable[frozenset[Right]]]


class Asks(Protocol):
    """See `agents.talk.client.Model`."""

    async def answer(
        self, messages: list[dict[str, Any]], told: Callable[[str], None], again: Callable[[], None]
    ) -> Message:
        """One answer of the model."""
        ...


class Files(Protocol):
    """See `bot.talk_files.Files`."""

    async def fetched(self, names: Sequence[str]) -> tuple[Attachment, ...]:
        """Those of the person's files, by name. Raises BadInput."""
        ...


class Watch(Protocol):
    """Who shows a turn to people. Nothing of this waits."""

    def words(self, text: str) -> None:
        """More words of the answer that is under way."""
        ...

    def again(self) -> None:
        """That answer begins anew."""
        ...

    def began(self, call: str, tool: str, given: Mapping[str, Any]) -> None:
        """A tool call begins."""
        ...

    def step(self, call: str, text: str) -> None:
        """It says what it is at."""
        ...

    def asks(self, call: str, *, over: bool) -> None:
        """It waits for the person's yes, or does not any more."""
        ...

    def ended(self, call: str, how: How, text: str) -> None:
        """What came of it, for the model; errors are for people too."""
        ...


Keep = Callable[[memory.Turn], Awaitable[None]]


class Turn:
    """The answer to one message. `messages` are valid at any time once they are `memory.mended`; `usd` is by list prices."""

    def __init__(
        self, crew: Crew, model: Asks, call: Call, rights: Rights, confirm: Confirm, watch: Watch, files: Files
    ) -> None:
        """`call` tells who calls; each tool call gets an id of its own, and the `rights` that the person has by then."""
        self._crew, self._model, self._watch, self._confirm, self._files = crew, model, watch, confirm, files
        self._call, self._rights = replace(call, confirmed=CONFIRMED, in_full=True), rights
        self.messages = memory.Turn()
        self.asked = 0
        self.calls = 0
        self.usd = 0.0
        self._own = ""

    async def run(self, before: Sequence[memory.Turn], text: str, own: str, keep: Keep) -> str:
        """Answer `text`, of which the person wrote `own` themselves; `keep` is told after each step what is to be remembered.

        What a person has to know of the end, empty where the model's words say it all. Raises VpsError where there is no answer.
        """
        most = self._crew.settings.AGENTFLOW_TALK_TURNS
        self._own = own
        self.messages.append(memory.said(text))
        await keep(self.messages)
        while self.asked < most:
            answer = await self._answer(before)
            calls = [block for block in answer.content if block.type == "tool_use"]
            self.messages.append({"role": "assistant", "content": _kept(answer)})
            if answer.stop_reason != "tool_use" or not calls:
                await keep(self.messages)
                return _ENDS.get(str(answer.stop_reason), "")
            results: list[dict[str, Any]] = []
            self.messages.append({"role": "user", "content": results})
            for call in calls:
                await self._do(call, results)
            await keep(self.messages)
            if self.calls >= MOST_CALLS:
                return f"I stopped after {self.calls} calls, the limit for one message. Write on to have me go on."
        return f"I stopped after {most} questions to the model, the limit for one message. Write on to have me go on."

    async def _answer(self, before: Sequence[memory.Turn]) -> Message:
        self.asked += 1
        messages = memory.outgoing(memory.fitted([*before, self.messages]))
        answer = await self._model.answer(messages, self._watch.words, self._watch.again)
        usage = {name: value for name, value in answer.usage.model_dump().items() if isinstance(value, int)}
        self.usd += prices.usd(answer.model, usage)
        return answer

    async def _do(self, block: ToolUseBlock, results: list[dict[str, Any]]) -> None:
        given = {name: value for name, value in _object(block.input).items() if value is not None}
        self._watch.began(block.id, block.name, given)
        how, text = await self._came_of(block, given)
        self._watch.ended(block.id, how, text)
        results.append(memory.result(block.id, text, error=how != "done"))

    async def _came_of(self, block: ToolUseBlock, given: dict[str, Any]) -> tuple[How, str]:
        tool = prompt.CALLABLE.get(block.name)
        if tool is None:
            return "failed", f"There is no tool {block.name[:100]!r}."
        if self.calls >= MOST_CALLS:
            return "failed", _TOO_MANY
        self.calls += 1
        try:
            call = replace(self._made(block.id), rights=await self._rights())
            await self._check_address(tool, given, call)
            output: Output = await tool.invoke(self._crew, await self._with_files(tool, given, call), call)
        except NotConfirmed:
            return "declined", _DECLINED
        except VpsError as error:
            return "failed", self._crew.mask.text(str(error))
        except Exception:  # noqa: BLE001  the conversation goes on; it is logged with its trace
            await log.aexception("call of the text agent failed", tool=tool.name)
            return "failed", _FAILED
        return "done", _told(output)

    async def _with_files(self, tool: Tool[Any, Any], given: dict[str, Any], call: Call) -> dict[str, Any]:
        """What the files hold in the place of their names. Nothing is fetched for who may not."""
        plain = {name: value for name, value in given.items() if name not in tool.attached}
        for name in tool.attached:
            if name not in given:
                continue
            await tool.check(self._crew, plain, call)
            if not _are_names(given[name]):
                raise BadInput(name, "takes a list of names.", remedy="Name files that the person attached.")
            plain[name] = await self._files.fetched(given[name])
        return plain

    async def _check_address(self, tool: Tool[Any, Any], given: Mapping[str, Any], call: Call) -> None:
        """An address that its person did not write may carry out what the model has read. Raises NotConfirmed."""
        if tool is not CLONE or _same(str(given.get("repo_url", ""))) in map(_same, self._own.split()):
            return
        await tool.check(self._crew, given, call)
        assert call.confirm is not None
        asked = question(tool.description, tool.parse(given), self._crew.mask, in_full=True)
        if not await call.confirm(asked):
            await tool.refuse(self._crew, given, call, NotConfirmed())

    def _made(self, call_id: str) -> Call:
        async def progress(text: str) -> None:
            self._watch.step(call_id, text)

        async def confirm(question: str) -> bool:
            self._watch.asks(call_id, over=False)
            try:
                return await self._confirm(question)
            finally:
                self._watch.asks(call_id, over=True)

        return replace(self._call, id=call_id, progress=progress, confirm=confirm)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in cast("list[object]", value))


def _same(address: str) -> str:
    """An address as it is compared: people leave out what a model adds."""
    return address.strip("<>()[],;!?\"'").removeprefix("https://").rstrip("./").removesuffix(".git").casefold()


def _told(output: Output) -> str:
    """People get the patch of a difference in a file."""
    patch = f"\n{output.patch}" if isinstance(output, DiffOutput) and output.patch else ""
    return output.summary() + patch


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _kept(answer: Message) -> list[dict[str, Any]]:
    """What goes back to the model of its answer. A call that was cut off has no input that counts."""
    whole = answer.stop_reason == "tool_use"
    found = list[dict[str, Any]]()
    for block in answer.content:
        if block.type == "text" and block.text.strip():
            found.append({"type": "text", "text": block.text})
        elif block.type == "tool_use" and whole:
            found.append({"type": "tool_use", "id": block.id, "name": block.name, "input": _object(block.input)})
    return found or [{"type": "text", "text": "(no words)"}]
