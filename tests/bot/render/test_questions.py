"""What an agent asks becomes a message with something to press, and tells how it ended once it has."""

from __future__ import annotations

import json
from typing import Any, cast

import discord
import pytest

from bot.asks import buttons
from bot.render.blocks import TEXT_LIMIT, Block
from bot.render.text import width
from bot.render.timeline import Timeline
from vps.events.framing import Framer
from vps.events.parse import parse

_RUN = "claude-agent-1790000000000-abcdef"


class Log:
    """A run's log, and what it shows."""

    def __init__(self) -> None:
        self.timeline = Timeline("/work", "<@1>")
        self._framer = Framer()

    def write(self, subtype: str, **fields: Any) -> list[Block]:
        line = json.dumps({"type": "agentflow", "subtype": subtype, "at": 1.0, **fields}) + "\n"
        for framed in self._framer.feed(line.encode()):
            self.timeline.feed(parse(*framed))
        return self.timeline.blocks

    def asks(self, **fields: Any) -> Block:
        return self.write("question", id="q1", expires_at=1795300000, **fields)[-1]

    def ended(self, **fields: Any) -> Block:
        return self.write("answered", id="q1", **fields)[-1]


@pytest.fixture
def log() -> Log:
    return Log()


def pressed(block: Block) -> list[discord.ui.Item[Any]]:
    """What can be pressed below it."""
    view = buttons(_RUN, block.asks)
    children = cast("list[Any]", view.children if view else [])
    return [getattr(each, "item", each) for each in children]


def labels(block: Block) -> list[str | None]:
    return [item.label for item in pressed(block) if isinstance(item, discord.ui.Button)]


def test_options_are_buttons_until_somebody_has_answered(log: Log) -> None:
    options = [{"label": "pg", "description": "A *server*."}, {"label": "sqlite"}]
    block = log.asks(kind="question", header="DB", text="Which? @everyone", options=options)
    assert block.text == (
        "<@1> ❓ **DB** · Which? @\u200beveryone\n- **pg** – A *server*.\n- **sqlite**\n"
        "-# Press a button, or reply here. It expires <t:1795300000:R>."
    )
    assert labels(block) == ["pg", "sqlite", "Other…"]
    assert "ping" in block.asks
    assert not block.sealed
    block = log.ended(how="answered", by="discord:7", answer={"choices": ["pg"]})
    assert block.text.endswith("\n✅ **pg** · <@7>")
    assert block.asks == ()
    assert block.sealed


@pytest.mark.parametrize(("count", "several", "most"), [(6, False, 1), (3, True, 3)])
def test_many_options_or_several_at_once_are_a_menu(log: Log, count: int, several: bool, most: int) -> None:
    block = log.asks(kind="question", text="Which?", options=[f"option {n}" for n in range(count)], several=several)
    menu, other = pressed(block)
    assert isinstance(menu, discord.ui.Select)
    assert (len(menu.options), menu.max_values) == (count, most)
    assert isinstance(other, discord.ui.Button)


def test_a_permission_shows_what_is_wanted_and_what_always_means(log: Log) -> None:
    given = {"command": "make\nmake install"}
    block = log.asks(kind="permission", tool="Bash", input=given, text="not read-only", always="Bash(make:*)")
    assert block.text.startswith("<@1> 🔐 Allow **Bash** `make …`?\n```\nmake\nmake install\n```\nnot read-only\n")
    assert "-# Always, until it sleeps: `Bash(make:*)`" in block.text
    assert labels(block) == ["Allow", "Always allow", "Deny…"]
    ended = log.ended(how="answered", by="operator:me", by_name="me", answer={"verdict": "no", "text": "not\nnow"})
    assert ended.text.endswith("\n🚫 Not approved · me\n> not now")


def test_signs_that_show_nothing_are_written_out_in_what_is_to_be_allowed(log: Log) -> None:
    block = log.asks(kind="permission", tool="Bash", input={"command": "ls \u202e\x1b[8m; rm -rf /work\u200b\tx"})
    assert "```\nls <U+202E><U+001B>[8m; rm -rf /work<U+200B>" in block.text
    assert "<U+0009>" not in block.text
    assert "```" not in Log().asks(kind="permission", tool="Bash", input={"command": "ls\t-l"}).text


def test_without_anything_to_allow_for_good_there_is_no_such_button(log: Log) -> None:
    assert labels(log.asks(kind="permission", tool="Bash", input={})) == ["Allow", "Deny…"]


def test_a_plan_stands_whole_before_its_question(log: Log) -> None:
    log.asks(kind="plan", text="# Plan\n" + "\n".join(f"{n}. do it" for n in range(300)))
    *plan, block = log.timeline.blocks
    assert "299. do it" in plan[-1].text
    assert block.text.startswith("<@1> 📋 **Approve this plan?**")
    assert labels(block) == ["Approve", "Approve, ask nothing more", "Reject…"]
    assert log.ended(how="answered", by="discord:7", answer={"verdict": "yes"}).text.endswith("\n✅ Approved · <@7>")


@pytest.mark.parametrize(
    ("how", "words"),
    [("expired", "⌛ Nobody answered in time."), ("withdrawn", "⏹️ The agent does not wait for an answer any more.")],
)
def test_an_end_without_an_answer_is_told(log: Log, how: str, words: str) -> None:
    log.asks(text="Well?")
    block = log.ended(how=how)
    assert block.text == f"<@1> ❓ Well?\n{words}"
    assert block.asks == ()


def test_a_question_ends_with_its_agent(log: Log) -> None:
    block = log.asks(text="Well?", attempt=2, attempts=3)
    assert labels(block) == ["Answer…"]
    assert block.text.endswith("It expires <t:1795300000:R>. Asked 2 of 3 times.")
    (block,) = log.write("ended", reason="stopped")
    assert block.text.endswith("⏹️ The agent ended before anybody answered. Reply here: it wakes with your answer.")


def test_whatever_is_asked_fits_into_a_message(log: Log) -> None:
    long = "🙂 word `" * 400
    options = [{"label": long, "description": long} for _ in range(25)]
    log.asks(kind="question", header=long, text=long, options=options)
    assert all(width(block.text) <= TEXT_LIMIT for block in log.timeline.blocks)
    menu, _ = pressed(log.timeline.blocks[-1])
    assert isinstance(menu, discord.ui.Select)
    assert all(len(option.label) <= 100 and len(option.description or "") <= 100 for option in menu.options)
    block = log.ended(how="answered", answer={"text": long})
    assert width(block.text) <= TEXT_LIMIT


def test_every_id_below_a_question_is_one_discord_takes(log: Log) -> None:
    block = log.write("question", id="q" * 40, kind="question", text="?", options=["a", "b"])[-1]
    assert all(len(str(getattr(item, "custom_id", ""))) <= 100 for item in pressed(block))
