"""Somebody who types in the agents' threads meanwhile, and what came of it."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass

from tests.chaos.agents import ScriptedAgent
from tests.chaos.stage import Stage
from tests.discord_standin import Message

_PAUSE_S = 0.4
_LAST_LINES = 12
"""Nothing is typed so shortly before an agent's end that a bot which is killed then could find the run told already."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What of the typed messages reached its agent's inbox, once and in order."""

    said: int = 0
    refused: int = 0
    """By an agent that had ended by the time the bot and the VPS were back, which is right."""
    unheard: int = 0
    repeated: int = 0
    out_of_order: int = 0
    unshown: int = 0
    """Taken, without a mark that says so."""

    def __add__(self, other: Heard) -> Heard:
        return Heard(
            self.said + other.said,
            self.refused + other.refused,
            self.unheard + other.unheard,
            self.repeated + other.repeated,
            self.out_of_order + other.out_of_order,
            self.unshown + other.unshown,
        )

    @property
    def right(self) -> bool:
        return not (self.unheard or self.repeated or self.out_of_order or self.unshown)


class Talker:
    """One person with the right to run agents."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        self._stage = stage
        self._chance = chance
        self._typed: dict[str, list[Message]] = {}

    async def talk(self) -> None:
        """Until cancelled: now and then a message in the thread of an agent that works."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / _PAUSE_S))
            agents = [each for each in _listening(self._stage.agents) if 0 < each.written < each.lines - _LAST_LINES]
            threads = [(agent, thread) for agent in agents if (thread := self._stage.thread(agent))]
            if threads:
                agent, thread = self._chance.choice(threads)
                typed = self._typed.setdefault(agent.name, [])
                discord = self._stage.discord
                typed.append(await discord.say(discord.world.owner, thread, f"message {len(typed)}"))

    def heard(self) -> Heard:
        """What was typed to all of them, beside their inboxes."""
        return sum(map(self._heard, _listening(self._stage.agents)), Heard())

    def _heard(self, agent: ScriptedAgent) -> Heard:
        typed, inbox = self._typed.get(agent.name, []), agent.inbox()
        missing = [each for each in typed if each.content not in inbox]
        refused = sum("❌" in _marks(each) for each in missing)
        return Heard(
            said=len(typed),
            refused=refused,
            unheard=len(missing) - refused,
            repeated=len(inbox) - len(set(inbox)),
            out_of_order=sum(after < before for before, after in itertools.pairwise(map(_number, inbox))),
            unshown=sum("✅" not in _marks(each) for each in typed if each not in missing),
        )


def _listening(agents: Iterable[object]) -> list[ScriptedAgent]:
    """What is said to a real one would keep it from counting."""
    return [each for each in agents if isinstance(each, ScriptedAgent)]


def _number(text: str) -> int:
    return int(text.removeprefix("message "))


def _marks(message: Message) -> set[str]:
    return {emoji for emoji, users in message.reactions.items() if users}
