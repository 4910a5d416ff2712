"""A run's log as Discord messages: a reducer without I/O or clock.

The blocks are a function of the lines fed so far, so that a replay from the log's beginning gives the same ones.
Not shown: thoughts, hooks, states, partial messages, control traffic and the user's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Container
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

from . import inside, notices, turns
from .asks import asks
from .at_work import ToolsAtWork
from .blocks import Block
from .drafts import Row, TextDraft
from .page import Page
from .questions import QuestionDraft, before
from .text import blank
from .todo import Checklist
from .tool_subjects import subject

_SUBAGENT_WORDS = 200


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
        self._page = Page()
        self._checklist = Checklist(self._page)
        self._tools = ToolsAtWork(self._page, self._checklist, workspace)
        self._asked: dict[str, QuestionDraft] = {}
        self._said = ""
        self._limit: tuple[object, ...] = ()
        self._failed = set[str]()
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Init: self._init,
            Text: self._text,
            ToolUse: self._tool_use,
            ToolResult: self._tools.result,
            Result: self._result,
            Task: self._tools.task,
            ApiRetry: lambda event: self._page.notice(notices.retry(event), over=notices.retried(event), topic="retry"),
            RateLimit: self._rate_limit,
            Malformed: self._malformed,
            Supervisor: self._supervisor,
            Gateway: self._gateway,
            Question: self._question,
            Answered: self._answered,
            Notified: lambda event: self._page.notice(inside.told(event, self._asker), asks=("ping",)),
            AgentCalled: self._called,
            UserMessage: self._user_message,
            Status: self._status,
            ModelFallback: lambda event: self._page.notice(notices.fallback(event)),
            Refusal: lambda event: self._page.notice(notices.refusal(event), kind="error"),
            Compacted: lambda event: self._page.notice(notices.compacted(event)),
            Thinking: lambda _: self._thinks(),
            ThinkingTokens: lambda _: self._thinks(),
        }

    @property
    def blocks(self) -> list[Block]:
        """The messages that have not been dropped, in order."""
        return self._page.blocks

    def drop(self, indexes: Container[int]) -> None:
        """Forgets these sealed blocks; memory then depends on the others only."""
        self._page.drop(indexes)

    def feed(self, line: Line) -> None:
        """Takes in the next line."""
        self._page.at = line
        for event in line.events:
            self._tally.feed(event)
            if handler := self._handlers.get(type(event)):
                handler(event)

    def finish(self) -> None:
        """Seals every block: the process behind the log has ended, nothing that is open will get a result."""
        self._tools.end()
        for asked in list(self._asked):
            self._answered(Answered(id=asked, how="lost"))
        self._page.close()
        self._checklist.seal()
        self.last_action = ""

    def _init(self, event: Init) -> None:
        self._page.close()
        failed = [
            name for name, status in event.mcp_servers if status in notices.NO_SERVER and name not in self._failed
        ]
        self._failed.update(failed)
        if failed:
            self._page.notice(notices.servers(failed))

    def _text(self, event: Text) -> None:
        if blank(event.text):
            return
        if event.parent is not None:
            self._tools.place(Row("", event.parent, f"💬 {notices.line(event.text, _SUBAGENT_WORDS)}"))
            return
        self._said = event.text
        self._page.say(event.text, "error" if event.error else "text")

    def _tool_use(self, event: ToolUse) -> None:
        if event.id in self._tools:
            return
        self.last_action = subject(event, self._workspace)
        self._tools.begin(event)

    def _result(self, event: Result) -> None:
        self._tools.end_turn()
        self._page.close()
        if event.text.strip() != self._said.strip() and not blank(event.text):
            self._page.say(event.text, "error" if event.is_error else "text")
        self._said = ""
        self.last_action = ""

    def _rate_limit(self, event: RateLimit) -> None:
        state = (event.status, event.kind, event.resets_at)
        text = notices.limit(event)
        if text and state != self._limit:
            self._page.notice(text, kind="error" if event.status == "rejected" else "notice")
        self._limit = state

    def _malformed(self, event: Malformed) -> None:
        before = self._page.current
        times = before.times + 1 if isinstance(before, TextDraft) and before.topic == "malformed" else 1
        self._page.notice(notices.malformed(event.text, times), topic="malformed", times=times)

    def _supervisor(self, event: Supervisor) -> None:
        if event.subtype in ("started", "ended"):
            self.finish()
        if event.subtype == "turn_ended":
            self._turn_ended()
        if event.reason == "replaced":
            self._tools.end()
        if text := notices.supervisor(event):
            self._page.notice(text)

    def _turn_ended(self) -> None:
        self._page.close()
        self._checklist.seal()
        text, asks = turns.ended(self._tally, self._told, self._work)
        self._page.add(TextDraft(*self._page.where, "end", current=False, text=text, asks=asks))

    def _called(self, event: AgentCalled) -> None:
        if text := inside.started(event):
            self._page.notice(text)

    def _gateway(self, event: Gateway) -> None:
        self._page.notice(notices.gateway(event), asks=asks(event))

    def _question(self, event: Question) -> None:
        if event.id in self._asked:
            return
        if words := before(event):
            self._page.say(words, "text")
        self._page.close()
        draft = QuestionDraft(
            *self._page.where, "question", question=event, asker=self._asker, workspace=self._workspace
        )
        self._asked[event.id] = draft
        self._page.add(draft)

    def _answered(self, event: Answered) -> None:
        draft = self._asked.pop(event.id, None)
        if draft is not None:
            draft.end_of_it, draft.end = event, self._page.at.end

    def _user_message(self, event: UserMessage) -> None:
        if event.text.startswith("[Request interrupted by user") and not event.is_replay:
            self._page.notice("⏹️ Interrupted")

    def _status(self, event: Status) -> None:
        if event.status == "compacting":
            self.last_action = "compacting the conversation…"

    def _thinks(self) -> None:
        self.last_action = "thinking…"
        if isinstance(self._page.current, TextDraft):
            self._page.close()
