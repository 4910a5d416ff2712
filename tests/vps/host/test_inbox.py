"""What is said to a run is appended once, whole, in order, and never where nobody would read it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from vps.commands.claude import user_message
from vps.container import paths
from vps.container.inbox import Inbox
from vps.host.inbox import edit, say

NAME = "claude-agent-1795300000000-a1b2c3"
OTHER = "claude-agent-1795300000000-d4e5f6"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    directory = tmp_path / "runs" / NAME
    (directory / "in").mkdir(parents=True)
    (directory / "out").mkdir()
    path = directory / "in" / "inbox.jsonl"
    path.write_text(user_message("the task", "task"))
    return path


def said(root: Path, text: str, message_id: str, name: str = NAME) -> dict[str, object]:
    return say(str(root), {"name": name, "id": message_id, "line": user_message(text, message_id).rstrip("\n")})


def edited(root: Path, message_id: str, text: str, edit_id: str, name: str = NAME) -> dict[str, object]:
    by = json.loads(user_message(text, edit_id)) if text else None
    return edit(str(root), {"name": name, "id": message_id, "by": by})


def texts(lines: list[bytes]) -> list[str]:
    return [json.loads(line)["message"]["content"] for line in lines]


def test_a_message_that_is_said_again_is_there_once(tmp_path: Path, inbox: Path) -> None:
    assert said(tmp_path, "one", "1") == {"state": "queued"}
    assert said(tmp_path, "two", "2") == {"state": "queued"}
    before = inbox.read_bytes()
    assert said(tmp_path, "one", "1") == {"state": "known", "same": True}
    assert said(tmp_path, "another", "1") == {"state": "known", "same": False}
    assert inbox.read_bytes() == before
    assert texts(before.splitlines()) == ["the task", "one", "two"]


@pytest.mark.parametrize("mark", ["docker.json", "out/exit.json", "out/inbox-shut"])
def test_an_ended_run_takes_nothing_and_still_knows_what_it_took(tmp_path: Path, inbox: Path, mark: str) -> None:
    said(tmp_path, "one", "1")
    before = inbox.read_bytes()
    (tmp_path / "runs" / NAME / mark).touch()
    assert said(tmp_path, "two", "2") == {"state": "ended" if mark == "docker.json" else "closing"}
    assert said(tmp_path, "one", "1") == {"state": "known", "same": True}
    assert inbox.read_bytes() == before


@pytest.mark.parametrize("name", [OTHER, "../../etc", ""])
def test_a_run_that_is_not_there_is_missing(tmp_path: Path, inbox: Path, name: str) -> None:
    assert inbox.exists()
    assert said(tmp_path, "one", "1", name) == {"state": "missing"}


def test_after_a_torn_line_a_message_stands_on_its_own_and_is_read(tmp_path: Path, inbox: Path) -> None:
    reader = Inbox(str(inbox))
    with inbox.open("ab") as file:
        file.write(user_message("torn", "1").encode()[:40])
    assert texts(reader.take()[0]) == ["the task"]
    assert said(tmp_path, "torn", "1") == {"state": "queued"}
    feed, _, bad = reader.take()
    assert texts(feed) == ["torn"]
    assert len(bad) == 1


def test_a_line_that_lacks_its_end_alone_is_ended_and_not_repeated(tmp_path: Path, inbox: Path) -> None:
    with inbox.open("ab") as file:
        file.write(user_message("whole", "1").encode()[:-1])
    assert said(tmp_path, "whole", "1") == {"state": "known", "same": True}
    feed, _, bad = Inbox(str(inbox)).take()
    assert (texts(feed), bad) == (["the task", "whole"], [])


def test_of_many_writers_at_once_every_message_is_there_once_and_whole(tmp_path: Path, inbox: Path) -> None:
    writers, messages = 8, 40
    begin = threading.Barrier(writers)

    def write(writer: int) -> None:
        begin.wait(30)
        for number in range(messages):
            # Each message is said by two of them.
            said(tmp_path, f"{writer // 2}:{number} " + "x" * 5000, f"{writer // 2}-{number}")

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    feed, _, bad = Inbox(str(inbox)).take()
    found = [text.split(" ")[0] for text in texts(feed)[1:]]
    assert bad == []
    assert sorted(found) == sorted(f"{pair}:{number}" for pair in range(writers // 2) for number in range(messages))
    for pair in range(writers // 2):
        own = [int(each.split(":")[1]) for each in found if each.startswith(f"{pair}:")]
        assert own == sorted(own)
    assert len(inbox.read_bytes().splitlines()) == len(feed)


def test_what_was_queued_before_the_inbox_was_shut_was_taken_and_the_rest_refused(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "INBOX_SHUT", str(tmp_path / "runs" / NAME / "out" / "inbox-shut"))
    reader, taken, queued = Inbox(str(inbox)), list[str](), list[str]()

    def take() -> bool:
        feed = texts(reader.take()[0])
        taken.extend(feed)
        return bool(feed)

    def talk() -> None:
        number = 0
        while said(tmp_path, f"message {number}", str(number))["state"] == "queued":
            queued.append(f"message {number}")
            number += 1

    talker = threading.Thread(target=talk)
    talker.start()
    deadline = time.monotonic() + 60
    while not reader.shut(take):
        assert time.monotonic() < deadline
    talker.join(60)
    assert not talker.is_alive()
    assert reader.take()[0] == []
    assert taken == ["the task", *queued]


def test_a_writer_that_never_lets_go_does_not_keep_the_inbox_open(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    mark = tmp_path / "mark"
    monkeypatch.setattr(paths, "INBOX_SHUT", str(mark))
    reader, now = Inbox(str(inbox)), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with inbox.open("rb") as stuck:
        fcntl.flock(stuck, fcntl.LOCK_EX)
        assert not reader.shut(lambda: False)
        now[0] += 1.0
        assert not reader.shut(lambda: False)
        now[0] += 2.0
        assert reader.shut(lambda: False)
    assert mark.exists()


def test_an_edit_is_ordered_once_and_taking_back_is_for_good(tmp_path: Path, inbox: Path) -> None:
    said(tmp_path, "one", "1")
    assert edited(tmp_path, "1", "uno", "1a") == {"state": "queued"}
    assert edited(tmp_path, "1", "eins", "1b") == {"state": "queued"}
    before = inbox.read_bytes()
    assert edited(tmp_path, "1", "uno", "1a") == {"state": "known", "same": True}
    assert edited(tmp_path, "1", "another", "1a") == {"state": "known", "same": False}
    assert inbox.read_bytes() == before
    assert edited(tmp_path, "1", "", "1c") == {"state": "queued"}
    before = inbox.read_bytes()
    assert edited(tmp_path, "1", "", "1d") == {"state": "known", "same": True}
    assert edited(tmp_path, "1", "eins", "1b") == {"state": "known", "same": True}
    assert edited(tmp_path, "1", "un", "1e") == {"state": "gone"}
    assert inbox.read_bytes() == before


@pytest.mark.parametrize("message_id", ["2", "task", "1a", ""])
def test_only_what_was_said_can_be_edited_and_the_task_not(tmp_path: Path, inbox: Path, message_id: str) -> None:
    said(tmp_path, "one", "1")
    edited(tmp_path, "1", "uno", "1a")
    before = inbox.read_bytes()
    assert edited(tmp_path, message_id, "dos", "2a") == {"state": "unknown"}
    assert edited(tmp_path, message_id, "", "2b") == {"state": "unknown"}
    assert inbox.read_bytes() == before
    assert edited(tmp_path, "1", "dos", "2a", OTHER) == {"state": "missing"}


def test_what_an_ended_run_had_not_taken_is_edited_too_for_the_next_life(tmp_path: Path, inbox: Path) -> None:
    said(tmp_path, "one", "1")
    said(tmp_path, "two", "2")
    (tmp_path / "runs" / NAME / "docker.json").touch()
    log = tmp_path / "runs" / NAME / "out" / "out.jsonl"
    assert edited(tmp_path, "1", "uno", "1a") == {"state": "queued"}
    log.write_text('{"type":"user","uuid":"2","isReplay":true}\n{"type":"user","uuid":"1","isReplay":false}\n')
    assert edited(tmp_path, "2", "dos", "2a") == {"state": "taken"}
    assert edited(tmp_path, "1", "eins", "1b") == {"state": "queued"}
    log.write_text('{"type":"user","uuid":"1b","isReplay":true}\n')
    assert edited(tmp_path, "1", "", "1c") == {"state": "taken"}
    assert texts(Inbox(str(inbox)).take()[0]) == ["the task", "eins", "two"]
