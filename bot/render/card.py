"""The status card that heads a run's thread, and the message that ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import discord
from discord import ui

from vps.events.types import Changes
from vps.outcome import Ending, Outcome

from .blocks import TEXT_LIMIT
from .text import beginning, count, duration, fence, inline_code, money, one_line, plain, shorten, width

STOP_ID = "agentflow:stop:"
"""What the Stop button's custom_id begins with; the run's name follows."""
INTERRUPT_ID = "agentflow:int:"
TASK_CHARS, REASON_CHARS, NOTE_CHARS, GIVEN_CHARS = 300, 600, 300, 400
STAT_FILES, STAT_COLUMNS = 15, 72

_Look = tuple[str, str, int]
_GREY, _BLUE, _GREEN, _RED, _AMBER = 0x80848E, 0x5865F2, 0x23A55A, 0xDA373C, 0xF0B232
_STATES: dict[str, _Look] = {
    "queued": ("🕓", "Queued", _GREY),
    "building": ("🏗️", "Building the image", _GREY),
    "starting": ("🚀", "Starting", _GREY),
    "running": ("⏳", "Running", _BLUE),
    "stopping": ("⏹️", "Stopping", _AMBER),
    "finished": ("🏁", "Finished", _GREY),
}
_ENDINGS: dict[Ending, _Look] = {
    Ending.SUCCEEDED: ("✅", "Done", _GREEN),
    Ending.FAILED: ("❌", "Failed", _RED),
    Ending.REFUSED: ("🚫", "Refused by the model", _RED),
    Ending.LIMITED: ("⛔", "Limit reached", _AMBER),
    Ending.INTERRUPTED: ("⏹️", "Interrupted", _GREY),
    Ending.STOPPED: ("⏹️", "Stopped", _GREY),
    Ending.TIMED_OUT: ("⏱️", "Out of time", _AMBER),
    Ending.OUT_OF_MEMORY: ("💥", "Out of memory", _RED),
    Ending.VANISHED: ("👻", "Container vanished", _RED),
    Ending.HUNG: ("🧊", "Hung", _RED),
}


@dataclass(frozen=True, slots=True)
class CardView:
    """What a card shows. `asked_by` is a mention; `note` says what the run waits for: a retry, a limit, its turn."""

    name: str
    task: str
    workspace: str
    state: str
    ending: Ending | None = None
    reason: str = ""
    remedy: str = ""
    elapsed_ms: float = 0
    turns: int = 0
    cost_usd: float = 0.0
    model: str = ""
    last_action: str = ""
    note: str = ""
    asked_by: str = ""
    branch: str = ""
    """That of a tree made for this agent."""
    given: str = ""
    """Its options that are not as built in."""
    can_stop: bool = False
    can_interrupt: bool = False
    parent: str = ""
    """A mention of the thread of the agent that started this one."""


def card(view: CardView) -> ui.LayoutView:
    """The card as Components V2: coloured by state, with a Stop button while the run can be stopped."""
    sign, title, colour = _look(view.state, view.ending)
    head = f"### {sign} {title}\n{_task(view.task)}"
    first: ui.Item[ui.LayoutView] = ui.TextDisplay(head)
    if view.can_stop:
        stop: ui.Button[ui.LayoutView] = ui.Button(
            label="Stop", style=discord.ButtonStyle.danger, custom_id=f"{STOP_ID}{view.name}"
        )
        first = ui.Section(ui.TextDisplay(head), accessory=stop)
    layout = ui.LayoutView(timeout=None)
    more: list[ui.Item[ui.LayoutView]] = []
    if view.can_interrupt:
        interrupt: ui.Button[ui.LayoutView] = ui.Button(label="Interrupt", custom_id=f"{INTERRUPT_ID}{view.name}")
        more.append(ui.ActionRow(interrupt))
    layout.add_item(ui.Container(first, ui.TextDisplay(_body(view)), *more, accent_colour=colour))
    return layout


class Figures(NamedTuple):
    """Of a turn, or of a whole run."""

    elapsed_ms: float
    turns: int
    cost_usd: float


def end_message(asker: str, figures: Figures, outcome: Outcome, changes: Changes | None) -> str:
    """The message that ends a turn or a run: what happened, its time, turns and cost, the remedy and the diffstat."""
    sign, title, _ = _look("finished", outcome.ending)
    parts = [" ".join(part for part in (asker, f"{sign} **{title}**", f"· {_figures(figures)}") if part)]
    if outcome.reason and outcome.ending is not Ending.SUCCEEDED:
        parts.append(one_line(outcome.reason, REASON_CHARS))
    if outcome.remedy:
        parts.append(f"→ {one_line(outcome.remedy, REASON_CHARS)}")
    if changes is not None:
        parts.append(_changes(changes, TEXT_LIMIT - 10 - sum(width(part) + 1 for part in parts)))
    return "\n".join(parts)


def _look(state: str, ending: Ending | None) -> _Look:
    if state == "finished" and ending is not None:
        return _ENDINGS[ending]
    return _STATES.get(state, ("⏳", state.replace("_", " ").capitalize(), _BLUE))


def _task(task: str) -> str:
    words = plain(task).strip()
    head = beginning(words, TASK_CHARS)
    return head if width(words) <= TASK_CHARS else f"{head} …"


def _figures(figures: Figures) -> str:
    parts = [f"⏱️ {duration(figures.elapsed_ms)}"]
    if figures.turns:
        parts.append(count(figures.turns, "turn"))
    if figures.cost_usd:
        parts.append(money(figures.cost_usd))
    return " · ".join(parts)


def _body(view: CardView) -> str:
    origin = [inline_code(view.workspace, 120), *([f"🌿 {inline_code(view.branch, 120)}"] if view.branch else [])]
    if view.model:
        origin.append(one_line(view.model, 80))
    if view.asked_by:
        origin.append(f"for {view.asked_by}")
    if view.parent:
        origin.append(f"child of {view.parent}")
    lines = [_figures(Figures(view.elapsed_ms, view.turns, view.cost_usd))]
    if view.last_action and view.state != "finished":
        lines.append(f"↳ {one_line(view.last_action, 200)}")
    lines += [one_line(text, limit) for text, limit in ((view.note, NOTE_CHARS), (view.reason, REASON_CHARS)) if text]
    if view.remedy:
        lines.append(f"→ {one_line(view.remedy, REASON_CHARS)}")
    if view.given:
        lines.append(f"-# ⚙️ {one_line(view.given, GIVEN_CHARS)}")
    return "\n".join([*lines, f"-# {' · '.join(origin)} · {inline_code(view.name, 90)}"])


def _changes(changes: Changes, room: int) -> str:
    if not changes.files:
        return "No file changed."
    summary = f"**{count(changes.files, 'file')}** · +{changes.insertions} −{changes.deletions}"
    names = [line.strip() for line in plain(changes.stat).split("\n") if "|" in line]
    shown = [shorten(name, STAT_COLUMNS) for name in names[:STAT_FILES]]
    stats = (_stat(summary, shown[:many], len(names)) for many in range(len(shown), 0, -1))
    return next((stat for stat in stats if width(stat) <= room), summary)


def _stat(summary: str, shown: list[str], files: int) -> str:
    more = [f"… and {count(files - len(shown), 'more file')}"] if files > len(shown) else []
    return f"{summary}\n" + fence("\n".join([*shown, *more]))
