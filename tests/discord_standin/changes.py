"""Waiting for a condition to hold, woken by every change instead of by a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 60.0
"""What anything may take on a busy machine that takes a moment on another."""


class Changes:
    """Wakes the waiters after each change of the state they look at."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait_for(self, predicate: Callable[[], T], timeout: float, describe: Callable[[], str]) -> T:
        """The first truthy value of `predicate`.

        Raises `TimeoutError` with the text of `describe` when there is none within `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                while not (value := predicate()):
                    await self._event.wait()
                return value
        except TimeoutError:
            raise TimeoutError(f"nothing within {timeout} s; {describe()}") from None
