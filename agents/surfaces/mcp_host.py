"""The crew for a server that starts before it is needed: connected to the VPS by the first call, and kept."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from agents.config import Settings
from agents.crew import Crew, open_crew


class Host:
    """`async with` leaves it as it found it: without a connection. Drops after the first one are the relay's to mend."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._keeping: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[Crew] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def crew(self) -> Crew:
        """The crew, one for all. Raises VpsError where there is no connection; whoever calls next tries again."""
        if self._opened is None or self._keeping is None or self._keeping.done():
            self._opened = asyncio.get_running_loop().create_future()
            self._keeping = asyncio.create_task(self._keep(self._opened), name="crew")
        return await asyncio.shield(self._opened)

    async def _keep(self, opened: asyncio.Future[Crew]) -> None:
        """In one task from its opening to its end, as what it is made of wants it."""
        try:
            async with open_crew(self.settings) as crew:
                opened.set_result(crew)
                await asyncio.Event().wait()
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)
            opened.exception()  # the one who asked may have gone
        finally:
            opened.cancel()
