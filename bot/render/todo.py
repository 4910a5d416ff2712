"""The agent's to-do list as a checklist."""

from __future__ import annotations

from dataclasses import dataclass, field

from vps.events.types import Json, ToolResult, ToolUse

from . import fields
from .blocks import Attachment
from .drafts import Draft
from .page import Page
from .text import one_line

TOOLS = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet"})
ITEMS = 20
"""Most items that are shown; done ones make room first."""
ITEM_CHARS = 80


@dataclass(slots=True)
class Todo:
    """One item; `status` is pending, in_progress or completed."""

    subject: str
    status: str

    @property
    def text(self) -> str:
        """The item's line."""
        words = one_line(self.subject, ITEM_CHARS)
        match self.status:
            case "completed":
                return f"☑️ {words}"
            case "in_progress":
                return f"▶️ **{words}**"
            case _:
                return f"⬜ {words}"


@dataclass(slots=True)
class TodoList:
    """The list by id, in order; `TodoWrite` numbers its items itself."""

    items: dict[str, Todo] = field(default_factory=dict[str, Todo])

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return all(item.status == "completed" for item in self.items.values())

    def apply(self, use: ToolUse, result: ToolResult) -> bool:
        """Takes in the result of a to-do tool; whether the list changed."""
        before = self.text
        detail = fields.mapping(result.detail)
        match use.name:
            case "TodoWrite":
                self._write(detail.get("newTodos") or use.input.get("todos"))
            case "TaskCreate":
                self._create(fields.mapping(detail.get("task")), use.input)
            case "TaskUpdate":
                self._update(use.input)
            case "TaskList":
                self._sync(detail)
            case _:
                pass
        return self.text != before

    @property
    def text(self) -> str:
        """The checklist."""
        done = sum(item.status == "completed" for item in self.items.values())
        shown, hidden = _window(list(self.items.values()))
        more = [f"… and {hidden} more"] if hidden else []
        return "\n".join([f"**To do** · {done} of {len(self.items)} done", *(item.text for item in shown), *more])

    def _write(self, todos: object) -> None:
        written = map(fields.mapping, fields.items(todos))
        listed = [Todo(fields.text(todo, "content"), fields.text(todo, "status")) for todo in written]
        self.items = {f"w{at}": todo for at, todo in enumerate(listed)}

    def _create(self, task: Json, asked: Json) -> None:
        if task_id := fields.text(task, "id"):
            self.items[task_id] = Todo(fields.text(task, "subject") or fields.text(asked, "subject"), "pending")

    def _update(self, asked: Json) -> None:
        task_id, status = fields.text(asked, "taskId"), fields.text(asked, "status")
        if status == "deleted":
            self.items.pop(task_id, None)
        elif item := self.items.get(task_id):
            item.status = status or item.status
            item.subject = fields.text(asked, "subject") or item.subject

    def _sync(self, detail: Json) -> None:
        for task in map(fields.mapping, fields.items(detail.get("tasks"))):
            self._create(task, task)
            self._update({"taskId": task.get("id"), "status": task.get("status")})


def _window(items: list[Todo]) -> tuple[list[Todo], int]:
    """At most ITEMS items in their order, unfinished ones first to stay; and how many are left out."""
    over = len(items) - ITEMS
    if over <= 0:
        return items, 0
    by_need = sorted(range(len(items)), key=lambda at: (items[at].status == "completed", at))
    kept = set(by_need[:ITEMS])
    return [item for at, item in enumerate(items) if at in kept], over


@dataclass(slots=True)
class TodoDraft(Draft):
    """The checklist's block."""

    todos: TodoList = field(default_factory=TodoList)

    def content(self) -> tuple[str, tuple[Attachment, ...]]:
        """The checklist, no files."""
        return self.todos.text, ()


class Checklist:
    """Its block on a page; a list begun anew gets a new one."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._draft: TodoDraft | None = None

    def take(self, use: ToolUse, result: ToolResult) -> None:
        """A to-do tool has its result. A subagent's own list is not shown."""
        if use.name == "TodoWrite" and use.parent is not None:
            return
        if self._draft is None or (self._draft.todos.done and use.name in ("TodoWrite", "TaskCreate")):
            self._begin(use, result)
        elif self._draft.todos.apply(use, result):
            self._draft.end = self._page.at.end

    def seal(self) -> None:
        """It changes no more."""
        if self._draft is not None:
            self._draft.current = False
            self._draft = None

    def _begin(self, use: ToolUse, result: ToolResult) -> None:
        todos = TodoList()
        if not todos.apply(use, result) or (self._draft and self._draft.todos.text == todos.text):
            return
        self.seal()
        self._draft = TodoDraft(*self._page.where, "todo", todos=todos)
        self._page.add(self._draft)
