"""A question of an agent's to a person: asked some times, each time for a while, each time as a question of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

NOBODY = (
    "Nobody answered: asked {tries} times, {minutes:.0f} minutes each. Decide yourself, or end and say what is open."
)


class Asking:
    """One call of `ask_user`. `say` writes a line into the log; limits: `ask_s` seconds a try, `ask_tries`.

    The log tells how a question ended, and so it is known here: `answer` is what was answered, `failed` that it was
    in vain for good.
    """

    def __init__(self, text: str, options: list[str], limits: dict[str, Any], say: Callable[..., None]) -> None:
        self._text, self._options, self._say = text, options, say
        self._try_s, self._tries = float(limits["ask_s"]), int(limits["ask_tries"])
        self._asked = 0
        self.answer: str | None = None
        self.failed = False
        self._ask()

    def _ask(self) -> None:
        self._asked += 1
        self.id = os.urandom(6).hex()
        expires_at = round(time.time() + self._try_s, 3)
        tries = {"attempt": self._asked, "attempts": self._tries}
        self._say("question", id=self.id, text=self._text, options=self._options, expires_at=expires_at, **tries)

    def note(self, event: dict[str, Any]) -> None:
        """A question has ended."""
        if event["id"] != self.id:
            return
        if event["how"] == "answered":
            self.answer = words(event["answer"])
        elif self._asked < self._tries:
            self._ask()
        else:
            self.failed = True

    def withdraw(self) -> None:
        """Nobody waits for it any more."""
        asked, self.id = self.id, ""
        self._say("answered", id=asked, how="withdrawn")

    @property
    def failure(self) -> str:
        """What the agent is told where it was in vain."""
        return NOBODY.format(tries=self._tries, minutes=self._try_s / 60)


def words(answer: dict[str, Any]) -> str:
    """What a person answered, for the agent: what was chosen, and words of their own."""
    return ", ".join(filter(None, [*map(str, answer.get("choices") or ()), str(answer.get("text") or "")]))
