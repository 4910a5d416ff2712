"""Of all the words that a message had, the CLI is given the last ones, once, and none where it took any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vps.commands.claude import user_message
from vps.container.edits import Edits
from vps.container.inbox import Inbox
from vps.host import inbox

NAME = "claude-agent-1795300000000-a1b2c3"


class Rig:
    """A container's end of an inbox: what its CLI was given in `fed`, what it was asked to drop, and the log."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "runs" / NAME / "in" / "inbox.jsonl"
        self.path.parent.mkdir(parents=True)
        (root / "runs" / NAME / "out").mkdir()
        self.path.write_text(user_message("the task", "task"))
        self.begin()

    def begin(self, *taken: str) -> None:
        """Another container, whose supervisor knows that these were taken."""
        self.fed, self.asked, self.log = list[str](), list[tuple[str, str]](), list[tuple[str, str, str | None]]()
        self._inbox, self._edits = Inbox(str(self.path), taken), Edits(taken, self._say, self._give)
        self.take()

    def say(self, *ids: str) -> None:
        for each in ids:
            line = user_message(each.upper(), each).rstrip("\n")
            assert inbox.say(str(self.root), {"name": NAME, "id": each, "line": line})["state"] == "queued"

    def edit(self, message_id: str, by: str | None) -> None:
        words = json.loads(user_message(by.upper(), by)) if by else None
        assert inbox.edit(str(self.root), {"name": NAME, "id": message_id, "by": words})["state"] == "queued"

    def take(self) -> None:
        feed, orders, bad = self._inbox.take()
        assert bad == []
        for order in orders:
            self._edits.obey(order)
        self._feed(feed)

    def cli(self, **event: Any) -> None:
        self._edits.note(json.dumps(event, separators=(",", ":")).encode())

    def replays(self, *ids: str) -> None:
        for each in ids:
            self.cli(type="user", message={"role": "user", "content": []}, uuid=each, isReplay=True)

    def answers(self, number: int, *, cancelled: bool) -> None:
        response = {"subtype": "success", "request_id": self.asked[number][0], "response": {"cancelled": cancelled}}
        self.cli(type="control_response", response=response)

    def step(self) -> list[str]:
        """What was dropped."""
        gone, lines = self._edits.step()
        self._feed(lines)
        return gone

    def _feed(self, lines: list[bytes]) -> None:
        self.fed += [json.loads(line)["message"]["content"] for line in lines]

    def _say(self, subtype: str, **fields: Any) -> None:
        self.log.append((subtype, fields["id"], fields.get("by")))

    def _give(self, data: bytes) -> None:
        request = json.loads(data)
        self.asked.append((request["request_id"], request["request"]["message_uuid"]))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_what_was_edited_before_it_was_handed_out_is_handed_out_as_it_is_at_last(rig: Rig) -> None:
    rig.say("a", "b", "c")
    rig.edit("a", "a1")
    rig.edit("b", None)
    rig.edit("a", "a2")
    rig.take()
    assert rig.fed == ["the task", "A2", "C"]
    assert rig.asked == []
    assert rig.log == [("withdrawn", "a", "a1"), ("withdrawn", "b", None), ("withdrawn", "a", "a2")]
    again = rig.path.read_bytes().splitlines()[-1] + b"\n"
    with rig.path.open("ab") as file:
        file.write(again)
    rig.take()
    assert (rig.fed[3:], rig.asked) == ([], [])


def test_what_was_handed_out_is_fed_in_new_words_once_the_cli_has_dropped_it(rig: Rig) -> None:
    rig.say("a", "b")
    rig.take()
    rig.edit("a", "a1")
    rig.edit("b", "b1")
    rig.take()
    assert [each for _, each in rig.asked] == ["a", "b"]
    rig.edit("a", "a2")
    rig.edit("b", None)
    rig.take()
    assert len(rig.asked) == 2, "one request at a time"
    rig.answers(0, cancelled=True)
    rig.answers(1, cancelled=True)
    assert rig.step() == ["a", "b"]
    assert rig.fed == ["the task", "A", "B", "A2"]
    assert rig.log == [("withdrawn", "a", "a2"), ("withdrawn", "b", None)]
    rig.edit("a", "a3")
    rig.take()
    assert rig.asked[2][1] == "a2"
    rig.answers(2, cancelled=True)
    assert rig.step() == ["a2"]
    assert rig.fed[4:] == ["A3"]
    assert rig.step() == []


def test_what_the_cli_took_is_kept_and_that_is_said_once_it_is_sure(rig: Rig) -> None:
    rig.say("a", "b")
    rig.take()
    rig.edit("a", "a1")
    rig.take()
    rig.answers(0, cancelled=False)
    rig.step()
    assert rig.log == [], "it has begun to take it, and might end before it has"
    rig.replays("a", "b")
    assert rig.step() == []
    assert rig.log == [("kept", "a", "a1")]
    rig.edit("b", None)
    rig.edit("a", "a2")
    rig.take()
    assert rig.log[1:] == [("kept", "b", None), ("kept", "a", "a2")]
    assert (rig.fed[3:], len(rig.asked)) == ([], 1)


def test_another_cli_in_the_place_of_one_is_asked_again(rig: Rig) -> None:
    rig.say("a")
    rig.take()
    rig.edit("a", "a1")
    rig.take()
    rig.answers(0, cancelled=True)
    rig._edits.note(b'{"type": "agentflow", "subtype": "resumed", "at": 1.0, "reason": "replaced"}')  # pyright: ignore[reportPrivateUsage]  as the log brings it
    assert rig.step() == [], "the new one was given it again"
    assert [each for _, each in rig.asked] == ["a", "a"]
    rig.answers(1, cancelled=True)
    assert rig.step() == ["a"]
    assert rig.fed[2:] == ["A1"]


@pytest.mark.parametrize(
    ("taken", "fed", "kept"),
    [
        ((), ["A2"], []),
        (("a",), [], ["a1", "a2"]),
        (("a1",), [], ["a2"]),
        (("a2",), [], []),
    ],
)
def test_a_later_container_feeds_the_last_words_of_what_was_not_taken_in_any(
    rig: Rig, taken: tuple[str, ...], fed: list[str], kept: list[str]
) -> None:
    rig.say("a", "b")
    rig.edit("a", "a1")
    rig.edit("b", None)
    rig.edit("a", "a2")
    for _ in range(2):
        rig.begin("task", *taken)
        assert rig.fed == fed
        assert [by for what, each, by in rig.log if (what, each) == ("kept", "a")] == kept
        assert rig.asked == []
