"""What a line of a thread asks of people, as values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.asks import buttons
from bot.render.batches import next_batch
from bot.render.timeline import Timeline
from vps.events.framing import Framer
from vps.events.parse import parse
from vps.host.layout import NAME

_RUN = "claude-agent-1790000000000-abcdef"


def fed(*lines: dict[str, Any]) -> Timeline:
    timeline = Timeline("/work")
    text = "".join(json.dumps({"type": "agentflow", **line}) + "\n" for line in lines)
    for framed in Framer().feed(text.encode()):
        timeline.feed(parse(*framed))
    return timeline


@pytest.mark.parametrize(
    ("line", "shown", "asks"),
    [
        (
            {"subtype": "denied", "host": "evil.example:22"},
            "🚫 Not let through to `evil.example:22`",
            ("allow:evil.example:22",),
        ),
        ({"subtype": "denied", "host": "a" * 60}, f"🚫 Not let through to `{'a' * 60}`", ()),
        ({"subtype": "denied", "host": "strange?host"}, "🚫 Not let through to `strange?host`", ()),
        (
            {"subtype": "denied", "host": "localhost", "inward": True},
            "🚫 Not let through to `localhost`: it leads to an inward address (AGENTFLOW_ALLOWED_NETWORKS)",
            (),
        ),
        ({"subtype": "paused", "why": "budget_day", "text": "used up"}, "⏸️ Paused: used up.", ("budget:day",)),
        (
            {"subtype": "paused", "why": "plan", "text": "limit", "until": 9e8},
            "⏸️ Paused: limit. It goes on <t:900000000:R>.",
            (),
        ),
        ({"subtype": "warned", "why": "budget_run", "text": "nearly"}, "⚠️ Nearly", ("budget:run",)),
        ({"subtype": "unpaused"}, "▶️ It goes on", ()),
        ({"subtype": "denied_more"}, "🚫 Not let through to more hosts than are told here", ()),
    ],
)
def test_each_line_of_the_gateway_is_told_with_what_people_can_answer(
    line: dict[str, Any], shown: str, asks: tuple[str, ...]
) -> None:
    (block,) = fed(line).blocks
    assert (block.text, block.asks) == (shown, asks)


async def test_lines_that_share_a_message_share_their_buttons_and_each_is_there_once() -> None:
    hosts = [f"host-{number}.example" for number in range(6)]
    timeline = fed(*({"subtype": "denied", "host": host} for host in [*hosts, hosts[0]]))
    batch = next_batch(timeline.blocks)
    assert batch.asks == tuple(f"allow:{host}" for host in hosts)
    view = buttons(_RUN, batch.asks)
    assert view is not None
    ids = [str(getattr(item, "custom_id", "")) for item in view.walk_children()]
    assert len(set(ids)) == len(ids) == 12
    assert all(len(each) <= 100 for each in ids)
    assert NAME.fullmatch(_RUN)
