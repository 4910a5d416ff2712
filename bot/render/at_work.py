"""The tools that were called and have no result yet, and the rows that show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vps.events.types import Task, ToolResult, ToolUse

from . import todo, tools
from .drafts import Row, ToolsDraft
from .page import Page
from .tool_subjects import subject
from .tools import State

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


class ToolsAtWork:
    """Those of one run. `workspace` is the directory that paths are shown relative to."""

    def __init__(self, page: Page, checklist: todo.Checklist, workspace: str) -> None:
        self._page = page
        self._checklist = checklist
        self._workspace = workspace
        self._running: dict[str, _Running] = {}
        self._tasks: dict[str, str] = {}

    def __contains__(self, tool_id: str) -> bool:
        """Whether it was called and has no result."""
        return tool_id in self._running

    def begin(self, event: ToolUse) -> None:
        """It is called."""
        shown = event.name not in todo.TOOLS
        draft = self.place(Row(event.id, event.parent, tools.opened(event, self._workspace))) if shown else None
        self._running[event.id] = _Running(event, draft)

    def result(self, event: ToolResult) -> None:
        """It has its result, or goes on in the background."""
        running = self._running.pop(event.tool_use_id, None)
        if running is None:
            return
        if running.draft is None and not event.is_error:
            self._checklist.take(running.use, event)
            return
        line = tools.finished(running.use, event, self._workspace)
        if running.draft is None:
            self.place(Row(running.use.id, running.use.parent, line))
            return
        self._update(running.draft, event.tool_use_id, line)
        if line.state is State.OPEN:
            self._running[event.tool_use_id] = replace(running, in_background=True)
        else:
            self._abandon(lambda other: other.use.parent == event.tool_use_id)

    def task(self, event: Task) -> None:
        """What goes on in the background has news."""
        if event.tool_use_id:
            self._tasks[event.task_id] = event.tool_use_id
        if event.status not in _TASK_ENDS:
            return
        tool_id = self._tasks.pop(event.task_id, "")
        running = self._running.get(tool_id)
        if running is not None and running.in_background:
            self._end(tool_id, *_TASK_ENDS[event.status])
            self._abandon(lambda other: other.use.parent == tool_id)

    def end_turn(self) -> None:
        """No result will come but for what is in the background, and for what subagents called."""
        self._abandon(lambda running: running.use.parent is None and not running.in_background)

    def end(self) -> None:
        """No result will come at all."""
        self._abandon(lambda _: True)

    def place(self, row: Row) -> ToolsDraft:
        """Adds a row to the current tools block, or to a new one."""
        draft = self._page.current
        if not isinstance(draft, ToolsDraft) or not draft.takes(self._family(draft, row)):
            self._page.close()
            draft = self._page.current = ToolsDraft(*self._page.where, "tools")
            self._page.add(draft)
        for member in self._family(draft, row):
            draft.add(member)
        draft.end = self._page.at.end
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
        draft.end = self._page.at.end
