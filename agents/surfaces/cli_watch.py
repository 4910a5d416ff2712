"""`agentflow watch`: the crew as a table on the terminal, kept current until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Generator
from typing import Any

import structlog
from rich.console import Console
from rich.live import Live

from agents import audit
from agents.config import load
from agents.crew import Crew, open_crew
from agents.surfaces.cli_console import answer
from agents.surfaces.cli_exit import ExitCode
from agents.surfaces.cli_table import BESIDES, table
from agents.surfaces.cli_tools import operator
from agents.tools.agents import LIST
from agents.tools.overview import Overview
from agents.tools.parameters import duration_ms
from vps.errors import BadInput, VpsError

_EVERY = "2s"
_SHORTEST_S, _LONGEST_S = 1.0, 3600.0
_TICK_S = 1.0
_LATE_S = 10.0
"""What an answer may take beyond the interval before the table says that none came."""
_PIPE_COLUMNS = 500
"""More than the widest table has: a pipe gets nothing cut."""


def add(verbs: Any) -> None:
    """The verb."""
    description = "Show the agents as a table that keeps itself current"
    verb = verbs.add_parser("watch", help=description, description=f"{description}.", allow_abbrev=False)
    verb.add_argument("--every", default=_EVERY, metavar="TIME", help="how often to look (default %(default)s)")
    verb.add_argument("--once", action="store_true", help="print it once; also where stdout is no terminal")
    verb.add_argument("--all", action="store_true", help=_help_of_all())
    verb.add_argument("--json", action="store_true", help="print it once, as JSON")
    verb.set_defaults(run=_watch)


def _help_of_all() -> str:
    return LIST.input.model_fields["all"].description or ""


async def _watch(given: argparse.Namespace) -> int:
    every_s = _seconds(given.every)
    terminal = sys.stdout.isatty()
    console = Console(
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=terminal,
        width=None if terminal else _PIPE_COLUMNS,
    )
    async with open_crew(load()) as crew:
        line = audit.entry(
            operator(), LIST.name, {"all": given.all}, "ok, watched", at=time.time(), ms=0, mask=crew.mask
        )
        await audit.note(crew.relay, line)
        overview = Overview(crew, all=given.all)
        if given.json or given.once or not terminal or os.environ.get("TERM") == "dumb":
            await _print(overview, console, as_json=given.json)
        else:
            await _Screen(crew, overview, console, every_s).run()
    return ExitCode.DONE


def _seconds(text: str) -> float:
    try:
        seconds = int(str(duration_ms(text))) / 1000
    except ValueError as error:
        raise BadInput("every", f"{error}.", remedy="Give a time such as 5s.") from error
    if not _SHORTEST_S <= seconds <= _LONGEST_S:
        raise BadInput("every", f"{text} is not between 1s and 1h.", remedy="Give a time such as 5s.")
    return seconds


async def _print(overview: Overview, console: Console, *, as_json: bool) -> None:
    seen = await overview.measure(await overview.look())
    if as_json:
        answer(seen.model_dump_json())
    else:
        console.print(table(seen))


class _Screen:
    """The table over the whole terminal. It stays while the host is away, and says so."""

    def __init__(self, crew: Crew, overview: Overview, console: Console, every_s: float) -> None:
        self._crew = crew
        self._overview = overview
        self._console = console
        self._every_s = every_s
        self._live = Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._error = ""
        self._at = time.monotonic()

    async def run(self) -> None:
        """Until it is cancelled; then the terminal is as it was. Raises VpsError if the first look fails."""
        self._seen = await self._overview.look(self._room())
        self._at = time.monotonic()
        with _silent_log(), self._live:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_looking())
                group.create_task(self._keep_drawing())

    async def _keep_drawing(self) -> None:
        while True:
            self._draw()
            await asyncio.sleep(_TICK_S)

    async def _keep_looking(self) -> None:
        while True:
            begun = time.monotonic()
            await self._look()
            await asyncio.sleep(self._every_s - (time.monotonic() - begun))

    async def _look(self) -> None:
        try:
            seen = await self._overview.look(self._room())
            self._seen, self._at, self._error = seen, time.monotonic(), ""
            self._draw()
            self._seen = await self._overview.measure(seen)
        except VpsError as error:
            self._error = self._crew.mask.text(str(error))
        self._draw()

    def _draw(self) -> None:
        age_s = time.monotonic() - self._at
        self._live.update(table(self._seen, trouble=self._trouble(age_s), age_s=age_s), refresh=True)

    def _trouble(self, age_s: float) -> str:
        if not self._crew.host.up.is_set():
            return f"The host cannot be reached. {self._crew.mask.text(str(self._crew.host.lost or ''))}"
        if self._error:
            return self._error
        return "The host does not answer." if age_s > self._every_s + _LATE_S else ""

    def _room(self) -> int:
        return max(1, self._console.size.height - BESIDES)


@contextlib.contextmanager
def _silent_log() -> Generator[None]:
    """The log would be written across the table, which tells of a lost host itself."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
