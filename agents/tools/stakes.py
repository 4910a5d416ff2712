"""What a call may cost its person: what a surface where a model calls has confirmed by them, whatever the model says."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

_LONGEST = 600
"""Characters of one argument in a question; a task may have a hundred thousand."""


class Stake(StrEnum):
    """It spends money, ends work, sends work out, deletes, or opens something to others."""

    SPENDS = "spends"
    STOPS = "stops"
    PUSHES = "pushes"
    DELETES = "deletes"
    OPENS = "opens"


Stakes = frozenset[Stake]
NOTHING: Stakes = frozenset()


def question(description: str, given: BaseModel) -> str:
    """What a person says yes to: the call itself with all that was given, since what a model says of it may be wrong."""
    lines = [
        f"{name}: {_shown(getattr(given, name))}" for name in type(given).model_fields if name in given.model_fields_set
    ]
    return "\n".join([f"{description}?", *lines])


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def always(*stakes: Stake) -> Callable[[BaseModel], Stakes]:
    """The same whatever the parameters."""
    return lambda _: frozenset(stakes)
