"""The table of `agentflow watch`: a pure function from what was seen to what the terminal shows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.surfaces.cli_console import printable
from agents.tools.agents import StatusOutput
from agents.tools.overview import Seen
from agents.tools.views import AgentView
from vps.outcome import Ending
from vps.run import short

_RIGHT = frozenset({"elapsed", "turns", "cost", "CPU", "memory"})
_FLEXIBLE = frozenset({"workspace", "task", "last action"})
"""What a narrow terminal cuts; the others keep their width."""
BESIDES = 2
"""Lines around the agents' own: the heads of the columns, and how many more there are."""
_LONGEST = 80
"""Characters of a text in a cell."""
_STYLES = {"running": "green", "starting": "yellow", "queued": "yellow", Ending.SUCCEEDED.value: ""}


def table(seen: Seen, *, trouble: str = "", age_s: float = 0.0) -> RenderableType:
    """The agents, a line each. `trouble` tells why nothing newer than `age_s` seconds is shown.

    What agents and people wrote is plain text here: never markup, and without control characters.
    """
    parts: list[RenderableType] = []
    if trouble:
        parts.append(Text(f"{printable(trouble)} What is shown is {timedelta(seconds=round(age_s))} old.", "bold red"))
    parts.append(_rows(seen.agents) if seen.agents else Text("No agents."))
    if seen.more:
        parts.append(Text(f"and {seen.more} more"))
    return Group(*parts)


def _rows(agents: tuple[StatusOutput, ...]) -> Table:
    rows = [_cells(each) for each in agents]
    grid = Table(box=None, pad_edge=False, padding=(0, 1), collapse_padding=True, header_style="bold")
    for name in rows[0]:
        head = Text(name, no_wrap=True, overflow="ellipsis")
        grid.add_column(head, justify="right" if name in _RIGHT else "left", no_wrap=name not in _FLEXIBLE)
    for row in rows:
        grid.add_row(*row.values())
    return grid


def _cells(status: StatusOutput) -> dict[str, Text]:
    agent = status.agent
    known = not agent.by_hand
    return {
        "agent": _text(short(agent.container_id)),
        "state": _text(agent.state, _style(agent)),
        "workspace": _text(_workspace(agent)),
        "task": _text(agent.task if known else "started by hand"),
        "elapsed": _text(str(timedelta(seconds=agent.elapsed_ms // 1000)) if known else ""),
        "turns": _text(str(agent.turns) if known else ""),
        "cost": _text(f"${agent.cost_usd:.4f}" if known else ""),
        "CPU": _text(status.cpu or ""),
        "memory": _text((status.memory or "").partition(" / ")[0]),
        "last action": _text(agent.doing if agent.alive else agent.reason),
    }


def _text(text: str, style: str = "") -> Text:
    # Its beginning is enough, and a task may be as long as a book.
    line = " ".join(printable(text[: 4 * _LONGEST]).split())
    cut = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return Text(cut, style, no_wrap=True, overflow="ellipsis")


def _style(agent: AgentView) -> str:
    if agent.by_hand:
        return ""
    return _STYLES.get(agent.ending or agent.state, "red")


def _workspace(agent: AgentView) -> str:
    name = PurePosixPath(agent.workspace).name
    return f"{name} ({agent.branch})" if agent.branch else name
