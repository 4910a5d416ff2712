"""What the doctor says of the voice: whether ElevenLabs answers, and has the agent and the tools as set-up makes them."""

from __future__ import annotations

from enum import StrEnum

from agents.config import Settings
from agents.voice.account import SETUP, opened_account
from agents.voice.setup import Plan, look
from vps.errors import VpsError

_SHOWN = 3


class State(StrEnum):
    """How it stands."""

    OFF = "off"
    GOOD = "good"
    DRIFTED = "drifted"
    BROKEN = "broken"


async def examine(settings: Settings) -> tuple[State, str]:
    """How it stands, in a line."""
    if settings.ELEVENLABS_API_KEY is None:
        return State.OFF, "off: ELEVENLABS_API_KEY is not set."
    if settings.ELEVENLABS_AGENT_ID is None:
        return State.DRIFTED, f"ELEVENLABS_AGENT_ID is not set. {SETUP}"
    try:
        with opened_account(settings) as account:
            plan = await look(account, settings)
    except VpsError as error:
        return State.BROKEN, str(error)
    return judge(plan)


def judge(plan: Plan) -> tuple[State, str]:
    """What a comparison comes to."""
    if not plan.is_needed:
        return State.GOOD, "agent and tools are as wanted"
    changed = [f"tool {change.name} {_WORDS[change.kind]}" for change in plan.tools]
    changed += [f"agent's {field.path.rpartition('.')[2]}" for field in plan.fields]
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return State.DRIFTED, f"not as wanted: {', '.join(changed[:_SHOWN])}{more}. Run `agentflow voice setup`."


_WORDS = {"created": "is missing", "changed": "differs", "removed": "is not wanted any more"}
