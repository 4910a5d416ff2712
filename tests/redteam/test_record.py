"""Forging the record, end to end: the CLI's own Bash tool does the attacks, and the control plane reads the log."""

from __future__ import annotations

from tests.redteam.lab import FORGE, OUTSIDE_SAYS, SECRET, TOLD, Lab
from vps.events import types as t
from vps.outcome import Ending


async def test_printed_events_stay_words_and_the_run_ends_as_it_did(lab: Lab) -> None:
    command = f"{FORGE}curl -s http://outside.example/ | head -c 60; env | grep ANTHROPIC; exit 3"
    ended = await lab.machine.run(TOLD + command)

    (said,) = [event for event in ended.events if isinstance(event, t.ToolResult)]
    assert "FORGED" in said.text
    assert OUTSIDE_SAYS in said.text, "the CLI's Bash tool has another network than Lab.sh"
    assert "1001" in said.text
    for word in ("WROTE", "REMOVED", "MOVED", SECRET):
        assert word not in said.text.replace("echo WROTE", "")
    results = [event for event in ended.events if isinstance(event, t.Result)]
    assert [result.text for result in results] == ["done"]
    assert ended.text.count('"subtype":"ended"') + ended.text.count('"subtype": "ended"') == 1
    assert ended.outcome.ending is Ending.SUCCEEDED
