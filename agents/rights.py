"""What callers may do, and who may: users, roles and channels of Discord to rights. Default deny."""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Right(StrEnum):
    """See, run agents, or manage the host's repositories. Each includes those before it, where somebody is given it."""

    VIEW = "view"
    RUN = "run"
    MANAGE = "manage"


_ORDER = (Right.VIEW, Right.RUN, Right.MANAGE)
EVERYTHING = frozenset(Right)
_GRANT = re.compile(r"(user|role|channel):(\d{1,20})=(view|run|manage)")


def up_to(right: Right) -> frozenset[Right]:
    """A right with those it includes."""
    return frozenset(_ORDER[: _ORDER.index(right) + 1])


class Grants(BaseModel):
    """Rights by the ids of users, roles and channels. A channel's are everybody's who can use commands there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: dict[int, Right] = {}
    role: dict[int, Right] = {}
    channel: dict[int, Right] = {}

    def of(self, user: int, roles: frozenset[int], channels: frozenset[int]) -> frozenset[Right]:
        """All that any of them gives."""
        given = [self.user[user]] if user in self.user else []
        given += [right for role, right in self.role.items() if role in roles]
        given += [right for channel, right in self.channel.items() if channel in channels]
        return frozenset[Right]().union(*map(up_to, given))

    def __bool__(self) -> bool:
        return bool(self.user or self.role or self.channel)


def parse_grants(text: str) -> Grants:
    """`role:123=run user:45=manage channel:678=view`, by white space or commas. Raises ValueError, naming the wrong part."""
    found: dict[str, dict[int, Right]] = {"user": {}, "role": {}, "channel": {}}
    for part in re.split(r"[\s,]+", text.strip()):
        grant = _GRANT.fullmatch(part)
        if grant is None:
            raise ValueError(f"{part[:60]!r} is no grant such as role:123=run, user:45=manage or channel:678=view")
        found[grant[1]][int(grant[2])] = Right(grant[3])
    return Grants.model_validate(found)
