"""What waits for the text agent, as it is by now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import discord

from agents.rights import EVERYTHING
from bot.talk_line import Line

CHANNEL = 5


def message(number: int, author: int = 1, content: str = "words") -> discord.Message:
    return cast("discord.Message", SimpleNamespace(id=number, author=SimpleNamespace(id=author), content=content))


def joined(line: Line, *messages: discord.Message) -> list[bool]:
    found = list[bool]()
    for each in messages:
        with line.coming(each):
            found.append(line.join(CHANNEL, each.id, EVERYTHING))
    return found


def read(line: Line) -> list[list[str]]:
    return [[said.message.content for said in batch] for batch in line.batches(CHANNEL)]


def test_a_persons_messages_are_read_together_in_the_order_they_were_written() -> None:
    line = Line()
    assert joined(line, message(2, content="b"), message(1, content="a"), message(3, 2, "c"), message(4, 1, "d")) == [
        True, False, False, False,
    ]  # fmt: skip
    assert line.length(CHANNEL) == 4
    assert read(line) == [["a", "b"], ["c"], ["d"]]
    assert line.length(CHANNEL) == 0
    assert joined(line, message(5)) == [True]


def test_an_edit_counts_until_it_is_read_and_is_late_once_after_that() -> None:
    line = Line()
    with line.coming(message(1)):
        assert not line.edited(message(1, content="meanwhile"))
        line.join(CHANNEL, 1, EVERYTHING)
    joined(line, message(2))
    assert not line.edited(message(2, content="second"))
    assert read(line) == [["meanwhile", "second"]]
    assert [line.edited(message(2, content=words)) for words in ("second", "third", "third")] == [False, True, False]


def test_what_is_deleted_before_it_is_read_is_not_answered() -> None:
    line = Line()
    with line.coming(message(1)):
        line.deleted(1)
        assert not line.join(CHANNEL, 1, EVERYTHING)
    joined(line, message(2), message(3))
    line.deleted(2)
    for batch in line.batches(CHANNEL):
        line.deleted(3)
        assert [said.message.id for said in batch] == [3], "that is too late"
        joined(line, message(4))
        line.deleted(4)
    assert line.length(CHANNEL) == 0
