"""What everything takes that deals with what people type."""

from __future__ import annotations

from dataclasses import dataclass

import discord

from agents.crew import Crew
from bot import people
from bot.pace import Pace
from bot.store import Store


@dataclass(frozen=True, slots=True)
class Means:
    """What listening takes."""

    client: discord.Client
    crew: Crew
    store: Store
    people: people.People
    pace: Pace
