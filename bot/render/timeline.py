"""A run's log as Discord messages: a reducer without I/O or clock.

The blocks are a function of the lines fed so far, so that a replay from the log's beginning gives the same ones.
Not shown: thoughts, hooks, states, partial messages, control traffic and the user's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from typing import Any

from vps.events.asked import Answered, Question
from vps.events.types import (
    AgentCalled,
    ApiRetry,
    Compacted,
    Gateway,
    Init,
    Line,
    Malformed,
    ModelFallback,
    Notified,
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
from vps.tally import Tally

from . import answer, inside, notices, todo, tools, turns
from .asks import asks
from .blocks import Block, Kind
from .drafts import Draft, Row, TextDraft, ToolsDraft
from .questions import QuestionDraft, before
from .text import blank, shorten
from .tool_subjects import subject
from .tools import State

_SUBAGENT_WORDS, _NOTICE = 200, 1800
_TASK_ENDS = {
    "completed": (State.OK, "finished"),
    "failed": (State.FAILED, "failed"),
    "stopped": (State.STOPPED, "stopped"),
    "killed": (State.STOPPED, "stopped"),
}


@dataclass(frozen=True, slots=True)
class _Running:
    """A tool without a result; `draft` shows it, or None for a to-do tool. One `in_background` outlives its turn."""

    use: ToolUse
    draft: ToolsDraft | None
    in_background: bool = False


class Timeline:
    """`feed` takes the log's lines in order; `blocks` are the messages they make.

    `workspace` is the directory that paths are shown relative to, `work` the name of the one it is in, and `asker` a mention of
    whoever is asked and told things; of turns that end too, unless it `is_child`. `last_action` is what the agent does right now.
    """

    def __init__(self, workspace: str, asker: str = "", work: str = "", *, is_child: bool = False) -> None:
        self.last_action = ""
        self._workspace, self._asker, self._work = workspace, asker, work
        self._told = "" if is_child else asker
        self._tally = Tally()
        self._drafts: list[Draft] = []
        self._next = 0
        self._at = Line(0, 0, ())
        self._current: Draft | None = None
        self._running: dict[str, _Running] = {}
        self._tasks: dict[str, str] = {}
        self._todo: todo.TodoDraft | None = None
        self._asked: dict[str, QuestionDraft] = {}
        self._said = ""
        self._limit: tuple[object, ...] = ()
        self._failed = set[str]()
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Init: self._init,
            Text: self._text,
            ToolUse: self._tool_use,
            ToolResult: self._tool_result,
            Result: self._result,
            Task: self._task,
            ApiRetry: lambda event: self._notice(notices.retry(event), over=notices.retried(event), topic="retry"),
            RateLimit: self._rate_limit,
            Malformed: self._malformed,
            Supervisor: self._supervisor,
            Gateway: self._gateway,
            Question: self._question,
            Answered: self._answered,
            Notified: lambda event: self._notice(inside.told(event, self._asker), asks=("ping",)),
            AgentCalled: self._called,
            UserMessage: self._user_message,
            Status: self._status,
            ModelFallback: lambda event: self._notice(notices.fallback(event)),
            Refusal: lambda event: self._notice(notices.refusal(event), kind="error"),
            Compacted: lambda event: self._notice(notices.compacted(event)),
            Thinking: lambda _: self._thinks(),
            ThinkingTokens: lambda _: self._thinks(),
        }

    @property
    def blocks(self) -> list[Block]:
        """The messages that have not been dropped, in order."""
        return [draft.block() for draft in self._drafts]

    def drop(self, indexes: Container[int]) -> None:
        """Forgets these sealed blocks; memory then depends on the others only."""
        self._drafts = [draft for draft in self._drafts if not (draft.sealed and draft.index in indexes)]

    def feed(self, line: Line) -> None:
        """Takes in the next line."""
        self._at = line
        for event in line.events:
            self._tally.feed(event)
            if handler := self._handlers.get(type(event)):
                handler(event)

    def finish(self) -> None:
        """Seals every block: the process behind the log has ended, nothing that is open will get a result."""
        self._abandon(lambda _: True)
        for asked in list(self._asked):
            self._answered(Answered(id=asked, how="lost"))
        self._close()
        self._seal_todo()
        self.last_action = ""

    def _init(self, event: Init) -> None:
        self._close()
        failed = [
            name for name, status in event.mcp_servers if status in notices.NO_SERVER and name not in self._failed
        ]
        self._failed.update(failed)
        if failed:
            self._notice(notices.servers(failed))

    def _text(self, event: Text) -> None:
        if blank(event.text):
            return
        if event.parent is not None:
            self._place(Row("", event.parent, f"💬 {notices.line(event.text, _SUBAGENT_WORDS)}"))
            return
        self._said = event.text
        self._say(event.text, "error" if event.error else "text")

    def _tool_use(self, event: ToolUse) -> None:
        if event.id in self._running:
            return
        self.last_action = subject(event, self._workspace)
        shown = event.name not in todo.TOOLS
        draft = self._place(Row(event.id, event.parent, tools.opened(event, self._workspace))) if shown else None
        self._running[event.id] = _Running(event, draft)

    def _tool_result(self, event: ToolResult) -> None:
        running = self._running.pop(event.tool_use_id, None)
        if running is None:
            return
        if running.draft is None:
            self._todo_result(running.use, event)
            return
        line = tools.finished(running.use, event, self._workspace)
        self._update(running.draft, event.tool_use_id, line)
        if line.state is State.OPEN:
            self._running[event.tool_use_id] = replace(running, in_background=True)
        else:
            self._abandon(lambda other: other.use.parent == event.tool_use_id)

    def _result(self, event: Result) -> None:
        self._abandon(lambda running: running.use.parent is None and not running.in_background)
        self._close()
        if event.text.strip() != self._said.strip() and not blank(event.text):
            self._say(event.text, "error" if event.is_error else "text")
        self._said = ""
        self.last_action = ""

    def _task(self, event: Task) -> None:
        if event.tool_use_id:
            self._tasks[event.task_id] = event.tool_use_id
        if event.status not in _TASK_ENDS:
            return
        tool_id = self._tasks.pop(event.task_id, "")
        running = self._running.get(tool_id)
        if running is not None and running.in_background:
            self._end(tool_id, *_TASK_ENDS[event.status])
            self._abandon(lambda other: other.use.parent == tool_id)

    def _rate_limit(self, event: RateLimit) -> None:
        state = (event.status, event.kind, event.resets_at)
        text = notices.limit(event)
        if text and state != self._limit:
            self._notice(text, kind="error" if event.status == "rejected" else "notice")
        self._limit = state

    def _malformed(self, event: Malformed) -> None:
        before = self._current
        times = before.times + 1 if isinstance(before, TextDraft) and before.topic == "malformed" else 1
        self._notice(notices.malformed(event.text, times), topic="malformed", times=times)

    def _supervisor(self, event: Supervisor) -> None:
        if event.subtype in ("started", "ended"):
            self.finish()
        if event.subtype == "turn_ended":
            self._turn_ended()
        if event.reason == "replaced":
            self._abandon(lambda _: True)
        if text := notices.supervisor(event):
            self._notice(text)

    def _turn_ended(self) -> None:
        self._close()
        self._seal_todo()
        text, asks = turns.ended(self._tally, self._told, self._work)
        self._add(TextDraft(self._next, self._at.start, self._at.end, "end", current=False, text=text, asks=asks))

    def _called(self, event: AgentCalled) -> None:
        if text := inside.started(event):
            self._notice(text)

    def _gateway(self, event: Gateway) -> None:
        self._notice(notices.gateway(event), asks=asks(event))

    def _question(self, event: Question) -> None:
        if event.id in self._asked:
            return
        if words := before(event):
            self._say(words, "text")
        self._close()
        where = (self._next, self._at.start, self._at.end)
        draft = QuestionDraft(*where, "question", question=event, asker=self._asker, workspace=self._workspace)
        self._asked[event.id] = draft
        self._add(draft)

    def _answered(self, event: Answered) -> None:
        draft = self._asked.pop(event.id, None)
        if draft is not None:
            draft.end_of_it, draft.end = event, self._at.end

    def _user_message(self, event: UserMessage) -> None:
        if event.text.startswith("[Request interrupted by user") and not event.is_replay:
            self._notice("⏹️ Interrupted")

    def _status(self, event: Status) -> None:
        if event.status == "compacting":
            self.last_action = "compacting the conversation…"

    def _thinks(self) -> None:
        self.last_action = "thinking…"
        if isinstance(self._current, TextDraft):
            self._close()

    def _todo_result(self, use: ToolUse, event: ToolResult) -> None:
        if event.is_error:
            self._place(Row(use.id, use.parent, tools.finished(use, event, self._workspace)))
            return
        if use.name == "TodoWrite" and use.parent is not None:
            return
        if self._todo is None or (self._todo.todos.done and use.name in ("TodoWrite", "TaskCreate")):
            self._new_todo(use, event)
        elif self._todo.todos.apply(use, event):
            self._todo.end = self._at.end

    def _new_todo(self, use: ToolUse, event: ToolResult) -> None:
        todos = todo.TodoList()
        if not todos.apply(use, event) or (self._todo and self._todo.todos.text == todos.text):
            return
        self._seal_todo()
        self._todo = todo.TodoDraft(self._next, self._at.start, self._at.end, "todo", todos=todos)
        self._add(self._todo)

    def _seal_todo(self) -> None:
        if self._todo is not None:
            self._todo.current = False
            self._todo = None

    def _say(self, text: str, kind: Kind) -> None:
        """Puts words into blocks of their own."""
        self._close()
        pieces, files = answer.messages(text, "❌ " if kind == "error" else "")
        for piece in pieces:
            self._add(TextDraft(self._next, self._at.start, self._at.end, kind, current=False, text=piece, files=files))

    def _notice(
        self,
        text: str,
        *,
        over: str = "",
        topic: str = "",
        times: int = 1,
        kind: Kind = "notice",
        asks: tuple[str, ...] = (),
    ) -> None:
        """A line of its own; it takes the place of the one before if both have the same topic."""
        text, over = shorten(text, _NOTICE), shorten(over, _NOTICE)
        current = self._current
        if isinstance(current, TextDraft) and topic and current.topic == topic:
            current.text, current.over, current.times, current.end = text, over, times, self._at.end
            return
        self._close()
        draft = TextDraft(
            self._next, self._at.start, self._at.end, kind, bool(topic), text, over, topic, times, asks=asks
        )
        self._add(draft)
        self._current = draft if topic else None

    def _place(self, row: Row) -> ToolsDraft:
        """Adds a row to the current tools block, or to a new one."""
        draft = self._current
        if not isinstance(draft, ToolsDraft) or not draft.takes(self._family(draft, row)):
            self._close()
            draft = self._current = ToolsDraft(self._next, self._at.start, self._at.end, "tools")
            self._add(draft)
        for member in self._family(draft, row):
            draft.add(member)
        draft.end = self._at.end
        return draft

    def _family(self, draft: ToolsDraft, row: Row) -> list[Row]:
        """The row, after a heading if its parent stands in an earlier block."""
        parent = self._running.get(row.parent or "")
        if parent is None or row.parent is None or draft.has(row.parent):
            return [row]
        return [Row(row.parent, None, f"▸ {subject(parent.use, self._workspace)}, continued"), row]

    def _abandon(self, which: Callable[[_Running], bool]) -> None:
        """No result will come for these tools."""
        for tool_id in [tool_id for tool_id, running in self._running.items() if which(running)]:
            self._end(tool_id, State.STOPPED, "no result")

    def _end(self, tool_id: str, state: State, outcome: str) -> None:
        running = self._running.pop(tool_id)
        if running.draft is not None:
            line = tools.ended(tools.opened(running.use, self._workspace), state, outcome)
            self._update(running.draft, tool_id, line)

    def _update(self, draft: ToolsDraft, tool_id: str, line: tools.ToolLine) -> None:
        draft.update(tool_id, line)
        draft.end = self._at.end

    def _add(self, draft: Draft) -> None:
        self._drafts.append(draft)
        self._next += 1

    def _close(self) -> None:
        """What comes next begins a new block."""
        if self._current is not None:
            if isinstance(self._current, TextDraft) and self._current.over:
                self._current.end = self._at.end
            self._current.current = False
            self._current = None
