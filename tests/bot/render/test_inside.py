"""What agents say from inside, in their threads."""

from __future__ import annotations

import json
from typing import Any

from bot.asks import buttons
from bot.render.batches import next_batch
from bot.render.timeline import Timeline
from vps.events.framing import Framer
from vps.events.parse import parse

_RUN = "claude-agent-1790000000000-abcdef"


def fed(*lines: dict[str, Any]) -> Timeline:
    timeline = Timeline("/work", "<@7>")
    text = "".join(json.dumps({"type": "agentflow", **line}) + "\n" for line in lines)
    for framed in Framer().feed(text.encode()):
        timeline.feed(parse(*framed))
    return timeline


def test_what_a_person_is_told_pings_them_and_nobody_else() -> None:
    (block,) = fed({"subtype": "notify", "text": "done with @everyone\nand *more*"}).blocks
    assert block.text.startswith("<@7> 📣 done with ")
    assert "@everyone" not in block.text
    assert block.asks == ("ping",)
    assert buttons(_RUN, block.asks) is None


def test_a_message_that_pings_stands_alone_when_a_thread_falls_behind() -> None:
    others = [{"subtype": "denied", "host": f"{number}.example"} for number in range(4)]
    blocks = fed(*others, {"subtype": "notify", "text": "now"}, *others).blocks
    first = next_batch(blocks)
    assert (first.first, first.last) == (0, 3)
    assert next_batch(blocks[4:]).text == "<@7> 📣 now"


def test_a_child_is_linked_and_other_answers_say_nothing() -> None:
    child = {
        "subtype": "called",
        "id": "a",
        "tool": "spawn_child",
        "ok": True,
        "child": _RUN,
        "thread": "123456789012345678",
    }
    (block,) = fed({"subtype": "called", "id": "b", "tool": "list_children", "ok": True}, child).blocks
    assert block.text == "🐣 Child `abcdef` started in <#123456789012345678>"
