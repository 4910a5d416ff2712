"""An agent's activity in Discord: times are Discord's own, and agents' words are harmless."""

from __future__ import annotations

import pytest

from agents.tools.doing import AgentActivity
from bot.render.activity import said
from vps.activity import Doing

NOW = 1_795_300_000.0


@pytest.mark.parametrize(
    ("activity", "tool", "words"),
    [
        (AgentActivity(doing=Doing.THINKING, for_ms=5000), "", "thinking, began <t:1795299995:R>"),
        (AgentActivity(doing=Doing.TOOL, what="Bash ls"), "**Bash** `ls`", "**Bash** `ls`, began <t:1795300000:R>"),
        (AgentActivity(doing=Doing.TOOL, what="Bash @here"), "", "Bash @\u200bhere, began <t:1795300000:R>"),
        (
            AgentActivity(doing=Doing.RETRYING, what="API overloaded (529), retry 3 of 10", in_ms=20_000),
            "",
            "🔁 API overloaded (529), retry 3 of 10 <t:1795300020:R>",
        ),
        (
            AgentActivity(doing=Doing.RETRYING, what="API error, retry 3 of 10"),
            "",
            "🔁 API error, retry 3 of 10 under way",
        ),
        (AgentActivity(doing=Doing.LIMITED, in_ms=3_600_000), "", "⛔ Rate-limited, resets <t:1795303600:R>"),
        (AgentActivity(doing=Doing.SILENT, for_ms=60_000), "", "🔇 Silent: last sign of life <t:1795299940:R>"),
        (
            AgentActivity(doing=Doing.PERSON, what="Which?", for_ms=60_000, in_ms=60_000),
            "",
            "🙋 Waits for an answer, asked <t:1795299940:R>, expires <t:1795300060:R>: Which?",
        ),
        (AgentActivity(doing=Doing.HUNG), "", "🧊 Hung, being resumed: last sign of life <t:1795300000:R>"),
        (AgentActivity(doing=Doing.LIMITED, in_ms=10**18), "", "⛔ Rate-limited, resets <t:8640000000000:R>"),
    ],
)
def test_times_run_on_in_discord_by_themselves(activity: AgentActivity, tool: str, words: str) -> None:
    assert said(activity, NOW, tool) == words
