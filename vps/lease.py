"""The client of `vps.host.lease`: one bot at a time serves a root directory on the host."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NoReturn, Self

import structlog

from vps.errors import LeaseTaken, VpsError
from vps.relay import Relay

log = structlog.get_logger()

_RENEW_S = 10.0
_AGAIN_S = 0.5
_ASKING_S = 15.0
_LEAVING_S = 5.0


class Lease:
    """Held from `async with` on, which raises LeaseTaken where another holds it, to the end of the block.

    `holder` stays the same when a killed bot comes back, which then need not wait; `label` tells people where it runs.
    """

    def __init__(self, relay: Relay, holder: str, label: str) -> None:
        self._relay = relay
        self._session = secrets.token_hex(16)
        self._request = {"holder": holder, "session": self._session, "label": label}

    async def __aenter__(self) -> Self:
        await self._take(starts=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._relay.ask("lease-release", {"session": self._session}, timeout=_LEAVING_S)
        except VpsError as failed:
            await log.ainfo("lease not given back; it runs out by itself", error=str(failed))

    async def keep(self) -> NoReturn:
        """Renew it for as long as this runs. Raises LeaseTaken once another has it; a host that is away takes nothing."""
        renewed = True
        while True:
            await asyncio.sleep(_RENEW_S if renewed else _AGAIN_S)
            try:
                await self._take(starts=False)
                renewed = True
            except LeaseTaken:
                raise
            except VpsError as error:
                if renewed:
                    await log.awarning("lease not renewed", error=str(error))
                # The next question waits for the connection, and is the first to be asked when it is back: what another bot
                # showed meanwhile must not be shown again.
                renewed = False

    async def _take(self, *, starts: bool) -> None:
        found = await self._relay.ask("lease-take", {**self._request, "starts": starts}, timeout=_ASKING_S)
        if not found["taken"]:
            raise _taken(self._relay.root, found)


def _taken(root: str, found: dict[str, Any]) -> LeaseTaken:
    since = datetime.fromtimestamp(found["since"], UTC)
    message = f"Another bot serves {root}: {found['label']}, since {since:%Y-%m-%d %H:%M:%S} UTC."
    remedy = (
        "Stop one of them, or give this one a directory of its own in AGENTFLOW_ROOT."
        f" If the other is gone for good, its lease ends in {max(1, round(found['left_s']))} s."
    )
    return LeaseTaken(message, remedy=remedy)
