"""Reads a Messages API request: which task is being worked on, and how far the work has come."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from vps.testing.model.reply import ToolUse

_ASIDE = re.compile(r"<(system-reminder|task-notification)>.*?</\1>", re.DOTALL)
_NUDGES = ("[Request interrupted by user", "[Your previous response had no visible output", "Output token limit hit.")
"""How the texts begin that the CLI puts in a user message by itself (2.1.197)."""


class ContentBlock(BaseModel):
    """One content block of a message; fields that no script reads are kept as extras."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    id: str = ""
    text: str = ""
    tool_use_id: str = ""
    content: "str | list[ContentBlock]" = ""
    is_error: bool | None = None
    name: str = ""
    input: Any = None

    def said(self) -> str:
        """The plain text in it: its own, and that of a tool result's parts."""
        if isinstance(self.content, str):
            return self.text + self.content
        return self.text + "\n".join(part.said() for part in self.content)


class Message(BaseModel):
    """One message of the request; `content` may be plain text, as in the API."""

    model_config = ConfigDict(frozen=True)

    role: str
    content: str | list[ContentBlock]

    def blocks(self) -> list[ContentBlock]:
        """The content as blocks."""
        if isinstance(self.content, str):
            return [ContentBlock(type="text", text=self.content)]
        return self.content


class MessagesRequest(BaseModel):
    """The part of a request body that the stand-in reads. Raises `pydantic.ValidationError` on anything malformed."""

    model_config = ConfigDict(extra="allow", frozen=True)

    model: str
    messages: list[Message]
    max_tokens: int = 0
    stream: bool = False
    output_config: dict[str, Any] = {}
    tools: list[dict[str, Any]] = []

    def wants_json(self) -> bool:
        """True for a side request that asks for JSON by schema, such as the CLI's for a session title."""
        return "format" in self.output_config

    def fingerprint(self) -> str:
        """The same for two requests that carry the same messages (a retry), whatever else differs."""
        text = "\n".join(f"{message.role}:{message.model_dump_json()}" for message in self.messages)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class ToolResult:
    """What a tool call of the model came to: the call, the text it gave, and whether it failed."""

    call: ToolUse
    text: str
    is_error: bool


Round = tuple[ToolResult, ...]


@dataclass(frozen=True)
class Conversation:
    """The work so far: the last `task` a user gave, and a round for each user message that followed it.

    A round holds the results of the tools called before it; it is empty for a notice such as the end of a
    background command. `attempt` counts from 1 how often this very conversation has been presented.
    """

    task: str
    rounds: tuple[Round, ...] = ()
    attempt: int = 1
    model: str = ""
    tools: frozenset[str] = frozenset()
    """The names of those that it may call, by which an agent is told from others that ask the model."""

    def result(self, index: int) -> ToolResult:
        """The first tool result of round `index`; an empty one when that round has none."""
        results = self.rounds[index] if -len(self.rounds) <= index < len(self.rounds) else ()
        return results[0] if results else ToolResult(ToolUse("", {}), "", is_error=False)


def read_conversation(request: MessagesRequest, attempt: int = 1) -> Conversation:
    """What `request` says about the work. Without any task text, the task is empty and every message is a round."""
    tasks = [task_of(message) for message in request.messages]
    start = max((index for index, task in enumerate(tasks) if task), default=-1)
    task = tasks[start] if start >= 0 else ""
    tools = frozenset(str(tool.get("name", "")) for tool in request.tools)
    return Conversation(task, _rounds(request.messages, start), attempt, request.model, tools)


def task_of(message: Message) -> str:
    """The last text that a person wrote in `message`, "" if none did: reminders and notices of the CLI do not count."""
    if message.role != "user":
        return ""
    texts = (_ASIDE.sub("", block.text).strip() for block in message.blocks() if block.type == "text")
    return next((text for text in reversed(list(texts)) if text and not text.startswith(_NUDGES)), "")


def _rounds(messages: Sequence[Message], start: int) -> tuple[Round, ...]:
    calls = {call_id: call for message in messages for call_id, call in _calls(message)}
    return tuple(_results(message, calls) for message in messages[start + 1 :] if _is_round(message))


def _is_round(message: Message) -> bool:
    return message.role == "user" and any(not _is_reminder(block) for block in message.blocks())


def _is_reminder(block: ContentBlock) -> bool:
    return block.type == "text" and block.text.lstrip().startswith("<system-reminder>")


def _calls(message: Message) -> list[tuple[str, ToolUse]]:
    return [
        (block.id, ToolUse(block.name, block.input or {})) for block in message.blocks() if block.type == "tool_use"
    ]


def _results(message: Message, calls: dict[str, ToolUse]) -> Round:
    return tuple(
        ToolResult(calls.get(block.tool_use_id, ToolUse("", {})), block.said(), bool(block.is_error))
        for block in message.blocks()
        if block.type == "tool_result"
    )
