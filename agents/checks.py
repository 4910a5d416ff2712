"""Checks that build on each other: how one went, and all of them in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from vps.errors import VpsError

_CHECK_S = 60.0


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    level: Level
    name: str
    text: str

    def line(self) -> str:
        """For a person."""
        return f"{self.level.value:<8}{self.name}: {self.text}"


@dataclass(frozen=True, slots=True)
class Check:
    """One question. `needs` are the checks that must not have failed."""

    name: str
    run: Callable[[], Awaitable[Finding]]
    needs: tuple[str, ...] = ()


def ok(name: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(Level.OK, name, text)


def warn(name: str, text: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(Level.WARN, name, text)


def fail(name: str, text: str) -> Finding:
    """It does not work."""
    return Finding(Level.FAIL, name, text)


async def all_of(checks: list[Check]) -> AsyncGenerator[Finding]:
    """The finding of each as it is made; what needs one that failed is skipped."""
    broken: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in broken]
        finding = Finding(Level.SKIPPED, check.name, f"needs {missing[0]}") if missing else await _bounded(check)
        if finding.level in (Level.FAIL, Level.SKIPPED):
            broken.add(check.name)
        yield finding


async def _bounded(check: Check) -> Finding:
    try:
        async with asyncio.timeout(_CHECK_S):
            return await check.run()
    except VpsError as error:
        return fail(check.name, str(error))
    except TimeoutError:
        return fail(check.name, f"no answer within {_CHECK_S:.0f} s. Try it again.")
