"""A run's log as Discord messages: a reducer without I/O or clock.

The blocks are a function of the lines fed so far, so that a replay from the log's beginning gives the same ones.
Not shown: thoughts, hooks, states, partial messages, control traffic and the user's own words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vps.events.types import (
    ApiRetry,
    Compacted,
    Event,
    Init,
    Line,
    Malformed,
    ModelFallback,
    RateLimit,
    Refusal,
    Result,
    Status,
    Supervisor,
    Task,
    Text,
    Thinking,
    ThinkingTokens,
    ToolResult,
    ToolUse,
    UserMessage,
)

from . import notices, todo, tools
from .blocks import Attachment, Block, Kind, attachment
from .drafts import Draft, NoticeDraft, Row, ToolsDraft
from .markdown import markdown
from .text import cut, printable, shorten, split
from .tools import State

PIECES = 3
"""A text of more messages becomes a file, with its beginning as the message."""
EXCERPT = 1500
_SUBAGENT_WORDS = 200
_TASK_ENDS = {"completed": (State.OK, "finished"), "failed": (State.FAILED, "failed"), "stopped": (State.STOPPED, "stopped"), "killed": (State.STOPPED, "stopped")}


class Timeline:
    """`feed` takes the log's lines in order; `blocks` are the messages they make.

    `workspace` is the directory that paths are shown relative to. `last_action` is what the agent does right now, for a card.
    """

    def __init__(self, workspace: str) -> None:
        self.last_action = ""
        self._workspace = workspace
        self._drafts: list[Draft] = []
        self._next = 0
        self._at = Line(0, 0, ())
        self._open: dict[str, tuple[ToolUse, ToolsDraft | None]] = {}
        self._agents: dict[str, str] = {}
        self._tasks: dict[str, str] = {}
        self._todo: todo.TodoDraft | None = None
        self._said = ""
        self._limit: tuple[object, ...] = ()
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Init: self._init,
            Text: self._text,
            ToolUse: self._tool_use,
            ToolResult: self._tool_result,
            Result: self._result,
            Task: self._task,
            ApiRetry: self._retry,
            RateLimit: self._rate_limit,
            Malformed: self._malformed,
            Supervisor: self._supervisor,
            UserMessage: self._user_message,
            Status: self._status,
            ModelFallback: lambda event: self._notice(notices.fallback(event)),
            Refusal: lambda event: self._notice(notices.refusal(event), kind="error"),
            Compacted: lambda event: self._notice(f"🗜️ Conversation compacted ({notices.line(event.trigger, 40)})"),
            Thinking: lambda _: self._acts("thinking…"),
            ThinkingTokens: lambda _: self._acts("thinking…"),
        }

    @property
    def blocks(self) -> list[Block]:
        """The messages that have not been dropped, in order."""
        return [draft.block() for draft in self._drafts]

    @property
    def sealed_until(self) -> int:
        """Every block below this index is sealed."""
        return next((draft.index for draft in self._drafts if not draft.sealed), self._next)

    def drop_sealed(self) -> tuple[Block, ...]:
        """Forgets the sealed blocks and returns them a last time; memory then depends on what is open only."""
        dropped = tuple(draft.block() for draft in self._drafts if draft.sealed)
        self._drafts = [draft for draft in self._drafts if not draft.sealed]
        return dropped

    def feed(self, line: Line) -> None:
        """Takes in the next line."""
        self._at = line
        for event in line.events:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
