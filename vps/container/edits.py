"""Messages that are changed or taken back after they were said, for as long as the CLI has not taken them in.

A message keeps the id it was said with; the words that replace it have one of their own, and so have those that replace them. Of
all these at most one is ever taken, and the last one counts until then. So whatever was under way when a container ended is settled
by the next one, which reads the inbox from its beginning.

A message that the CLI holds it is asked to drop, by `cancel_async_message`. What it does (measured with 2.1.197):

- It answers `cancelled` true for one that waits in its queue, while a tool runs or the model speaks, and says no more of it.
- It answers false for one that it has begun to take, which may be before it replays it. An idle CLI takes a message at once: a
  request that comes in the same write is too late.
- It drops nothing in advance. Given a dropped id again it replays that and ignores the words, hence an id for each.
- Of a dropped one the session holds no more than a note of the queue, without the id; `--resume` gives the model nothing of that,
  nor of what still waited.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from vps.host.json_object import json_object

OP = "edit"
DONE = "edited"
"""The order to edit one that was handed out already; and one that was edited before that, which is only to be told."""
_REPLAY, _USER = b'"isReplay":true', b'{"type":"user"'
_RESPONSE = b'{"type":"control_response"'
_REPLACED = b'{"type": "agentflow", "subtype": "resumed"'


def version(order: dict[str, Any]) -> str | None:
    """The id of the words that an order puts in the place of those before; None where there are to be none."""
    by = order.get("by")
    return str(by.get("uuid")) if isinstance(by, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]  JSON


def line(order: dict[str, Any]) -> bytes:
    """Those words, as the CLI is given them."""
    return json.dumps(order["by"]).encode()


class Edits:
    """`taken` are the messages that a CLI before took in; `say` writes a line into the log, `give` gives the CLI something."""

    def __init__(self, taken: Iterable[str], say: Callable[..., None], give: Callable[[bytes], None]) -> None:
        self._taken, self._say, self._give = set(taken), say, give
        self._versions: dict[str, str | None] = {}
        """By the ids of messages that were edited: what the CLI was given instead, if anything."""
        self._wanted: dict[str, dict[str, Any]] = {}
        """By the same ids: the last order that waits for the CLI."""
        self._asked: dict[str, str] = {}
        """By the ids of requests to the CLI: the message that it is asked to drop."""
        self._number = 0
        self._dropped: list[str] = []
        self._is_new = False

    def obey(self, order: dict[str, Any]) -> None:
        """An order of the inbox; those of other kinds are passed over."""
        said, by = str(order.get("id")), version(order)
        if order.get("op") == DONE:
            self._versions[said] = by
            if by not in self._taken:
                self._tell("withdrawn", said, by)
        elif order.get("op") == OP and self._current(said) not in (None, by):
            is_asked = said in self._wanted
            self._wanted[said] = order
            if self._current(said) in self._taken:
                self._keep(said)
            elif not is_asked:
                self._ask(said)

    def note(self, text: bytes) -> None:
        """A line of the log."""
        if text.startswith(_USER) and _REPLAY in text:
            self._taken.add(str((json_object(text) or {}).get("uuid")))
            self._is_new = True
        elif self._asked and text.startswith(_RESPONSE):
            response = _mapping((json_object(text) or {}).get("response"))
            said = self._asked.pop(str(response.get("request_id")), None)
            if said is not None and _mapping(response.get("response")).get("cancelled") is True:
                self._dropped.append(said)
        elif self._wanted and text.startswith(_REPLACED) and b'"replaced"' in text:
            # What the one before had dropped was given to this one again, unless that was known already.
            self._asked.clear()
            self._dropped.clear()
            for said in self._wanted:
                self._ask(said)

    def step(self) -> tuple[list[str], list[bytes]]:
        """The ids of what the CLI dropped since, and the lines to give it instead."""
        gone, lines = list[str](), list[bytes]()
        dropped, self._dropped = self._dropped, []
        for said in [said for said in dropped if said in self._wanted]:
            gone.append(str(self._current(said)))
            order = self._wanted.pop(said)
            by = self._versions[said] = version(order)
            self._tell("withdrawn", said, by)
            lines += [line(order)] if by is not None else []
        if self._is_new:
            self._is_new = False
            for said in [said for said in self._wanted if self._current(said) in self._taken]:
                self._keep(said)
        return gone, lines

    def _current(self, said: str) -> str | None:
        return self._versions.get(said, said)

    def _ask(self, said: str) -> None:
        self._number += 1
        request = f"drop-{self._number}"
        self._asked[request] = said
        what = {"subtype": "cancel_async_message", "message_uuid": self._current(said)}
        self._give(json.dumps({"type": "control_request", "request_id": request, "request": what}).encode() + b"\n")

    def _keep(self, said: str) -> None:
        """It is too late."""
        self._tell("kept", said, version(self._wanted.pop(said)))

    def _tell(self, subtype: str, said: str, by: str | None) -> None:
        self._say(subtype, id=said, **({} if by is None else {"by": by}))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  JSON
