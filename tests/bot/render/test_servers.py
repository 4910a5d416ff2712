"""An MCP server that an agent has to do without is told once, not in every turn."""

from __future__ import annotations

from dataclasses import replace

from bot.render.timeline import Timeline
from vps.events.types import Init, Line

BEGUN = Init("s", "opus", "bypassPermissions", "/w", "2.1.197", "none")


def test_a_server_that_failed_is_told_once_and_a_later_one_besides() -> None:
    timeline = Timeline("/w")
    for at, servers in enumerate(
        (
            (("docs", "connected"), ("bro`ken", "failed"), ("slow", "pending")),
            (("docs", "connected"), ("bro`ken", "failed"), ("slow", "failed")),
            (("docs", "connected"), ("bro`ken", "failed"), ("slow", "failed")),
        )
    ):
        init = replace(BEGUN, mcp_servers=servers)
        timeline.feed(Line(at * 10, at * 10 + 10, (init,)))
    told = [block.text for block in timeline.blocks]
    assert len(told) == 2
    assert told[0].startswith("🔌 It goes without the MCP server ")
    assert "slow" not in told[0]
    assert "slow" in told[1]
    assert "docs" not in "".join(told).replace("`mcp_config`", "")
