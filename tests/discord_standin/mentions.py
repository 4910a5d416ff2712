"""Whom a message notifies: its text, narrowed by `allowed_mentions`.

Rules: https://discord.com/developers/docs/resources/message#allowed-mentions-object
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.DOTALL)
_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


@dataclass(frozen=True)
class Pings:
    users: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    everyone: bool = False


def pings(texts: Iterable[str], allowed: dict[str, Any] | None, replied_to: int | None = None) -> Pings:
    """Who is notified by the texts. `allowed` is the request's `allowed_mentions`; None allows everything.

    Mentions inside code do not notify. `replied_to` is the author of the message that is answered.
    """
    text = "\n".join(_CODE.sub("", each) for each in texts)
    users, roles = _ids(_USER, text), _ids(_ROLE, text)
    everyone = bool(_EVERYONE.search(text))
    if allowed is None:
        answered: set[int] = {replied_to} if replied_to else set()
        return Pings(users | answered, roles, everyone)
    answered = {replied_to} if replied_to and allowed.get("replied_user") else set[int]()
    parse = _strings(allowed, "parse")
    return Pings(
        frozenset(_allowed(users, "users", parse, allowed) | answered),
        _allowed(roles, "roles", parse, allowed),
        everyone and "everyone" in parse,
    )


def problems(allowed: dict[str, Any] | None) -> list[str]:
    """Combinations that Discord refuses."""
    parse = _strings(allowed or {}, "parse")
    return [
        f"allowed_mentions: parse has {kind!r} and {kind} is not empty: they are mutually exclusive"
        for kind in ("users", "roles")
        if kind in parse and (allowed or {}).get(kind)
    ]


def _ids(pattern: re.Pattern[str], text: str) -> frozenset[int]:
    return frozenset(int(found) for found in pattern.findall(text))


def _allowed(found: frozenset[int], kind: str, parse: set[str], allowed: dict[str, Any]) -> frozenset[int]:
    return found if kind in parse else found & {int(each) for each in _strings(allowed, kind)}


def _strings(allowed: dict[str, Any], key: str) -> set[str]:
    value: list[str] | None = allowed.get(key)
    return set(value or [])
