"""The record of calls: who, through what, on what, and how it went. Written by `Tool.invoke` for every call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from datetime import UTC, datetime
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict

from vps.errors import VpsError
from vps.mask import Mask
from vps.models import Origin
from vps.relay import Relay

log = structlog.get_logger()

_LONGEST = 200
_WRITING_S = 1.5
"""A refusal has to be answered within Discord's 3 s, whatever the host does."""


class Entry(BaseModel):
    """One call. `at` is epoch seconds, `ms` what it took; `on` is what it was about: an agent, a workspace, an address."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: float
    caller: str
    caller_name: str = ""
    surface: str
    tool: str
    on: str = ""
    arguments: dict[str, str] = {}
    outcome: str
    ms: int = 0

    def summary(self) -> str:
        """One line for a person."""
        when = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        who = f"{self.caller_name} ({self.caller})" if self.caller_name else self.caller
        return f"{when} · {who} · {self.surface} · {self.tool} {self.on} · {self.outcome} · {self.ms} ms"


_UNTOLD = frozenset({"env", "mcp_config", "value"})
"""People put credentials there, which no mask of ours knows."""
_FILES = "files"
# It begins at a literal and ends at the next slash: values have megabytes, and a search from every letter would never end.
_USERINFO = re.compile(r"(?<=://)(?:\[masked [a-z ]+\]|[^/?#\s])*@")
"""A password that somebody typed into an address (RFC 3986, 3.2.1), masked or not: it is refused and must not be kept."""
_SUBJECTS = ("container_id", "child", "workspace_name", "workspace_path", "repo_url")


def entry(origin: Origin, tool: str, raw: Mapping[str, Any], outcome: str, *, at: float, ms: int, mask: Mask) -> Entry:
    """The line of a call: its arguments masked and cut."""
    arguments = {name: _told(name, value, mask) for name, value in raw.items()}
    return Entry(
        at=at,
        caller=origin.caller,
        caller_name=origin.caller_name,
        surface=origin.surface,
        tool=tool,
        on=next((arguments[name] for name in _SUBJECTS if name in arguments), ""),
        arguments=arguments,
        outcome=_USERINFO.sub("***@", outcome),
        ms=ms,
    )


def _told(name: str, value: object, mask: Mask) -> str:
    if name == _FILES:  # what is in them would take long to mask
        return f"({len(value) if isinstance(value, Sized) else 0})"
    told = mask.text(str(value))
    return f"({len(told)} characters)" if name in _UNTOLD else _USERINFO.sub("***@", told)[:_LONGEST]


async def note(relay: Relay, line: Entry) -> None:
    """Write it down on the host, and in this process's log. Where the host fails the call's own answer is not touched."""
    await log.ainfo("call", **line.model_dump(exclude={"arguments", "at"}))
    try:
        await relay.ask("audit-note", {"line": line.model_dump()}, timeout=_WRITING_S)
    except VpsError as error:
        await log.aerror("audit line not written on the host", error=str(error), **line.model_dump())


async def read(relay: Relay, lines: int, wanted: Mapping[str, str]) -> list[Entry]:
    """The last lines, oldest first, that have these fields."""
    answer = await relay.ask("audit-read", {"lines": lines, "wanted": dict(wanted)})
    return [Entry.model_validate(line) for line in answer["lines"]]
